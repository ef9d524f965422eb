"""Find missing and cut-short files of a model before hours are spent on it."""

import json
import struct
from pathlib import Path

HEADER = 8
"""Bytes of a safetensors file that tell the length of its header (https://huggingface.co/docs/safetensors)."""


def find_damage(folder: Path) -> str | None:
    """What is missing or damaged in a model's folder; None where it is whole."""
    if not (folder / "config.json").is_file():
        return "config.json is missing"
    named = _named_shards(folder)
    if not named:
        return "model.safetensors.index.json is damaged"
    missing = [name for name in named if not (folder / name).is_file()]
    if missing:
        return f"{missing[0]} is missing"
    damaged = [path.name for path in sorted(folder.glob("*.safetensors")) if not _is_whole(path)]
    return f"{damaged[0]} is cut short or damaged" if damaged else None


def _named_shards(folder: Path) -> list[str]:
    """The files that hold the weights; none where the index cannot be understood."""
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return ["model.safetensors"]
    try:
        return sorted({str(name) for name in json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()})
    except (ValueError, AttributeError, LookupError, TypeError):
        return []


def _is_whole(path: Path) -> bool:
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(HEADER)
        length = struct.unpack("<Q", start)[0] if len(start) == HEADER else size
        if HEADER + length > size:
            return False
        content = stream.read(length)
    try:
        header = json.loads(content)
        end = max((tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"), default=0)
    except (ValueError, AttributeError, LookupError, TypeError):
        return False
    return bool(HEADER + length + end == size)
