"""The config of a run before its driver has it: its base model is brought along, and changes on resuming count."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from ftk.plugin import files
from ftk_modal.inside import CACHE
from ftk_modal.uploading import Uploading
from ftk_modal.volume import Store

RESOLVED = "resolved.yml"

FOLDER = "given"
"""Of the volume: models by the digest of their content."""


def with_model(run_id: str, draft: Path, cache: Store) -> dict[str, bytes]:
    """Bring the model; give the run's resolved.yml with its path there, or nothing where no folder of ours is meant."""
    import yaml

    config = yaml.safe_load((draft / RESOLVED).read_text(encoding="utf-8"))
    model = Path(config["base_model"])
    if not model.is_absolute() or not model.exists():
        return {}
    place = f"{FOLDER}/{files.sha256(model)[:16]}/{model.name}"
    paths = [item for item in model.rglob("*") if item.is_file()] if model.is_dir() else [model]
    content = {(f"{place}/{item.relative_to(model)}" if item != model else place): item for item in paths}
    cache.write(content, Uploading(content, f"{cache.name}:/{place}"))
    config["base_model"] = f"{CACHE}/{place}"
    return {f"{run_id}/{RESOLVED}": yaml.safe_dump(config, sort_keys=False, allow_unicode=True).encode()}


def changed(config: dict[str, Any], arguments: Sequence[str]) -> dict[str, Any]:
    """The config with what the driver's `--set` change of the block `ftk`, which says where it works.

    They were checked before.
    """
    import yaml

    for option, text in pairwise(arguments):
        key, _, value = text.partition("=")
        if option == "--set" and key.startswith("ftk."):
            *steps, last = key.split(".")
            block = config
            for step in steps:
                block = block[step]
            block[last] = yaml.safe_load(value)
    return config
