"""Find missing and cut-short files of a model before hours are spent on it."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ftk.plugin import FtkError

HEADER = 8
"""Bytes of a safetensors file that tell the length of its header (https://huggingface.co/docs/safetensors)."""

TOKENIZER = "tokenizer.json"

BESIDE = ("tokenizer_config.json", "special_tokens_map.json")
"""What else is read of a tokenizer, where it is there."""

INDEX = "model.safetensors.index.json"


def refuse_damaged(folder: Path, ref: str) -> None:
    """Stop at a model's folder that is not whole.

    :param ref: what the config calls it.
    :raises FtkError: when a file of it is missing or cut short.
    """
    if damage := find_damage(folder):
        raise FtkError(f"base_model {ref}: {damage}", "fetch or copy the model again")


def find_damage(folder: Path) -> str | None:
    """What is missing or damaged in a model's folder, or does not belong together; None where it is whole."""
    config = folder / "config.json"
    if not config.is_file():
        return "config.json is missing"
    found = _mapping(config)
    if found is None:
        return "config.json is damaged"
    if not found.get("model_type"):
        return "config.json names no model_type"
    return _weights_damage(folder) or _tokenizer_damage(folder, found)


def _mapping(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None where there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _weights_damage(folder: Path) -> str | None:
    shards = _named_shards(folder)
    if not shards:
        return f"{INDEX} is damaged"
    missing = [name for name in sorted(shards) if not (folder / name).is_file()]
    if missing:
        return f"{missing[0]} is missing"
    headers = {path.name: _header(path) for path in sorted(folder.glob("*.safetensors"))}
    for name, header in headers.items():
        if header is None:
            return f"{name} is cut short or damaged"
        if absent := sorted(shards.get(name, set()) - header.keys()):
            return f"{name} lacks {absent[0]}, which {INDEX} says it holds"
    return None


def _named_shards(folder: Path) -> dict[str, set[str]]:
    """The files that hold the weights, each with the weights that the index names; none where that is damaged."""
    if not (folder / INDEX).is_file():
        return {"model.safetensors": set()}
    named = (_mapping(folder / INDEX) or {}).get("weight_map")
    shards: dict[str, set[str]] = {}
    for weight, shard in named.items() if isinstance(named, dict) else ():
        shards.setdefault(str(shard), set()).add(weight)
    return shards


def _tokenizer_damage(folder: Path, config: Mapping[str, Any]) -> str | None:
    """A file of the tokenizer that is none, or a tokenizer that is another model's.

    A model may have one of an older kind, without a `tokenizer.json`.
    """
    damaged = [name for name in BESIDE if (folder / name).is_file() and _mapping(folder / name) is None]
    if damaged or not (folder / TOKENIZER).is_file():
        return f"{damaged[0]} is damaged" if damaged else None
    model = (_mapping(folder / TOKENIZER) or {}).get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(vocabulary, dict | list):
        return f"{TOKENIZER} is damaged"
    return _mismatch(len(vocabulary), config)


def _mismatch(tokens: int, config: Mapping[str, Any]) -> str | None:
    """A tokenizer with more tokens than the model has embeddings for, which is another model's.

    Tokens that were added to the vocabulary do not count: many a model came out with one more than it was trained on.
    """
    embeddings = (config.get("text_config") or config).get("vocab_size")
    if not isinstance(embeddings, int) or tokens <= embeddings:
        return None
    return f"{TOKENIZER} knows {tokens} tokens, and config.json {embeddings}: they are of different models"


def _header(path: Path) -> dict[str, Any] | None:
    """What a safetensors file says of its tensors; None where the file is not as long as that says."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(HEADER)
        length = struct.unpack("<Q", start)[0] if len(start) == HEADER else size
        if HEADER + length > size:
            return None
        content = stream.read(length)
    try:
        header: dict[str, Any] = json.loads(content)
        end = max((tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"), default=0)
    except (ValueError, AttributeError, LookupError, TypeError):
        return None
    return header if HEADER + length + end == size else None
