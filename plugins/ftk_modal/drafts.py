"""The config of a run before its driver has it: models are brought along, and changes on resuming count."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from ftk.plugin import files
from ftk_modal.inside import CACHE
from ftk_modal.uploading import Uploading
from ftk_modal.volume import Store

RESOLVED = "resolved.yml"

MODELS = ("base_model", "lora_model_dir")
"""Keys that may name a folder of this machine."""

FOLDER = "given"
"""Of the volume: models by the digest of their content."""


def with_models(run_id: str, draft: Path, cache: Store) -> dict[str, bytes]:
    """Bring the models; give the run's resolved.yml with their paths there, or nothing where none is ours."""
    config = read_config(draft)
    places = {key: _bring(Path(config[key]), cache) for key in MODELS if _is_ours(config.get(key))}
    if not places:
        return {}
    import yaml

    text = yaml.safe_dump({**config, **places}, sort_keys=False, allow_unicode=True)
    return {f"{run_id}/{RESOLVED}": text.encode()}


def read_config(draft: Path) -> dict[str, Any]:
    """The resolved config of a run that is not sent yet."""
    import yaml

    config: dict[str, Any] = yaml.safe_load((draft / RESOLVED).read_text(encoding="utf-8"))
    return config


def _is_ours(path: str | None) -> bool:
    return path is not None and Path(path).is_absolute() and Path(path).exists()


def _bring(model: Path, cache: Store) -> str:
    """Send a folder, or a file of weights, to a place that has its content's digest; the path in containers."""
    place = f"{FOLDER}/{files.sha256(model)[:16]}/{model.name}"
    paths = [item for item in model.rglob("*") if item.is_file()] if model.is_dir() else [model]
    content = {(f"{place}/{item.relative_to(model)}" if item != model else place): item for item in paths}
    cache.write(content, Uploading(content, f"{cache.name}:/{place}"))
    return f"{CACHE}/{place}"


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
