"""The config of a run before its driver has it: the model is brought along."""

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
    """Bring the base model; give the run's resolved.yml with its path there, or nothing where it is not ours."""
    config = read_config(draft)
    model = Path(config["base_model"])
    if not (model.is_absolute() and model.exists()):
        return {}
    import yaml

    config["base_model"] = _bring(model, cache)
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    return {f"{run_id}/{RESOLVED}": text.encode()}


def read_config(draft: Path) -> dict[str, Any]:
    """The resolved config of a run that is not sent yet."""
    import yaml

    config: dict[str, Any] = yaml.safe_load((draft / RESOLVED).read_text(encoding="utf-8"))
    return config


def _bring(model: Path, cache: Store) -> str:
    """Send a folder, or a file of weights, to a place that has its content's digest; the path in containers."""
    place = f"{FOLDER}/{files.sha256(model)[:16]}/{model.name}"
    paths = [item for item in model.rglob("*") if item.is_file()] if model.is_dir() else [model]
    content = {(f"{place}/{item.relative_to(model)}" if item != model else place): item for item in paths}
    cache.write(content, Uploading(content, f"{cache.name}:/{place}"))
    return f"{CACHE}/{place}"
