"""Adapters of other kinds than LoRA, merged by peft, which holds the whole model in memory."""

from pathlib import Path
from typing import Any

from ftk.files import new_folder, read_json
from ftk_merge.checkpoint import Checkpoint
from ftk_merge.companions import write_companions
from ftk_merge.room import refuse_full_disk, refuse_little_memory
from ftk_merge.tokenizer import rows_for


def merge_by_peft(base: Checkpoint, adapter: Path, target: Path, tokenizer: Path, dtype: str | None) -> None:
    """Merge in float32 and round once.

    :param dtype: the type in which to store the weights; None for the base model's.
    :raises MergeError: where the disk or the memory has no room, before anything is read or written.
    """
    stored = _type(dtype or base.config.get("dtype") or base.config.get("torch_dtype") or "float32")
    refuse_full_disk(target, sum(tensor.count for tensor in base.tensors.values()) * stored.itemsize)
    refuse_little_memory(base, adapter)
    with new_folder(target) as folder:
        merged = load_both(base.folder, adapter, tokenizer).merge_and_unload()
        merged.to(stored).save_pretrained(folder)
        config = read_json(folder / "config.json")
        write_companions(base.folder, tokenizer, folder, _differences(base.config, config))


def load_both(base: Path, adapter: Path, tokenizer: Path) -> Any:
    """The base model with the adapter on it, in float32.

    :param tokenizer: the folder of the one that the adapter was trained with.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    present = model.get_input_embeddings().weight.shape[0]
    rows = _saved_rows(adapter) or max(present, rows_for(tokenizer))
    if rows != present:
        torch.manual_seed(0)  # the output embeddings of tokens of which only the input was trained are drawn
        model.resize_token_embeddings(rows)
    return PeftModel.from_pretrained(model, adapter)


def _saved_rows(adapter: Path) -> int | None:
    """How many tokens the model had when the adapter was trained, where that is saved in it."""
    from ftk_merge.adapter import WEIGHTS
    from ftk_merge.planning import INPUT_EMBEDDINGS
    from ftk_merge.tensors import read_header

    stored = read_header(adapter / WEIGHTS) if (adapter / WEIGHTS).exists() else {}
    wanted = (*INPUT_EMBEDDINGS, *(name.replace(".weight", ".base_layer.weight") for name in INPUT_EMBEDDINGS))
    return next((tensor.shape[0] for name, tensor in stored.items() if name.endswith(wanted)), None)


def _type(name: str) -> Any:
    import torch

    return getattr(torch, name)


def _differences(config: Any, changed: Any) -> dict[str, Any]:
    """What the saved config says otherwise about the weights."""
    names = ("vocab_size", "tie_word_embeddings", "dtype")
    return {name: changed[name] for name in names if name in changed and changed[name] != config.get(name)}
