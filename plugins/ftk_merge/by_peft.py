"""Adapters of other kinds than LoRA, merged by peft, which holds the whole model in memory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ftk.files import new_folder, read_json
from ftk_merge.checkpoint import Checkpoint
from ftk_merge.companions import with_text_part, write_companions
from ftk_merge.loading import load_both
from ftk_merge.room import refuse_full_disk, refuse_little_memory


def merge_by_peft(base: Checkpoint, adapter: Path, target: Path, tokenizer: Path, dtype: str | None) -> None:
    """Merge in float32 and round once.

    :param dtype: the type in which to store the weights; None for the base model's.
    :raises MergeError: where the disk or the memory has no room, before anything is read or written.
    """
    known = with_text_part(base.config)
    stored = _type(dtype or known.get("dtype") or known.get("torch_dtype") or "float32")
    refuse_full_disk(target, sum(tensor.count for tensor in base.tensors.values()) * stored.itemsize)
    refuse_little_memory(base, adapter)
    with new_folder(target) as folder:
        merged = load_both(base.folder, adapter, tokenizer).merge_and_unload()
        merged.to(stored).save_pretrained(folder)
        config = read_json(folder / "config.json")
        write_companions(base.folder, tokenizer, folder, _differences(base.config, config))


def _type(name: str) -> Any:
    import torch

    return getattr(torch, name)


def _differences(config: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """What the saved config says otherwise about the weights."""
    names = ("vocab_size", "tie_word_embeddings", "dtype")
    before, after = with_text_part(config), with_text_part(changed)
    return {name: after[name] for name in names if name in after and after[name] != before.get(name)}
