"""Everything of a merged model that is not weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ftk.files import copy_file, read_json, write_json
from ftk_merge.checkpoint import INDEX
from ftk_merge.planning import Plan
from ftk_merge.tokenizer import end_of

WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".h5", ".msgpack", ".onnx", ".index.json")
"""Endings of files with weights, or about them."""

OWN = ("README.md", "special_tokens_map.json")
"""What is about the base model alone; the run's tokenizer keeps its special tokens in `tokenizer_config.json`."""

OF_THE_WHOLE = ("tie_word_embeddings", "dtype")
"""Settings that a model with other parts than text goes by itself, even where they are not in its config."""


def write_companions(base: Path, tokenizer: Path, target: Path, changes: Mapping[str, Any]) -> None:
    """Copy the base model's other files, and the tokenizer's over them, to `target`.

    :param changes: of the config.
    """
    for folder in (base, tokenizer):
        for path in sorted(folder.iterdir()):
            if path.is_file() and not path.name.startswith(".") and not path.name.endswith((*WEIGHTS, *OWN)):
                copy_file(path, target / path.name)
    copy_file(base / "config.json", target / "config.json")
    if changes:
        write_json(target / "config.json", changed_config(read_json(base / "config.json"), changes))
    _write_end(tokenizer, target)


def _write_end(tokenizer: Path, target: Path) -> None:
    """Let generation end at the tokenizer's end, with which the adapter was trained, where the base had another."""
    end = end_of(tokenizer)
    for name in ("config.json", "generation_config.json"):
        config = read_json(target / name)
        if config is not None and end is not None and not _ends_at(config, end):
            write_json(target / name, changed_config(config, {"eos_token_id": end}))


def _ends_at(config: Mapping[str, Any], end: int) -> bool:
    known = with_text_part(config).get("eos_token_id")
    return end in known if isinstance(known, list) else end == known


def with_text_part(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config with what only its part about text says, where it has one."""
    return {**(config.get("text_config") or {}), **config}


def changed_config(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A config with changes, made in the part about text where it has one, and in the whole where that knows them."""
    text = config.get("text_config")
    if text is None:
        return {**config, **changes}
    whole = {key: value for key, value in changes.items() if key in config or key in OF_THE_WHOLE}
    return {**config, **whole, "text_config": {**text, **changes}}


def write_index(target: Path, plan: Plan) -> None:
    """Write which tensor lies in which file."""
    files = {name: file for file, shard in plan.shards.items() for name in shard}
    write_json(target / INDEX, {"metadata": {"total_size": plan.size}, "weight_map": files})
