"""Whether there is room: on the disk for what a merge writes, and in memory where a whole model is held."""

import shutil
from pathlib import Path

from ftk.files import make_folder
from ftk_merge.adapter import WEIGHTS
from ftk_merge.checkpoint import Checkpoint
from ftk_merge.command import MergeError
from ftk_merge.memory import free_memory
from ftk_merge.tensors import read_header

SPARE = 1 << 29
"""Bytes that the libraries themselves need."""


def refuse_full_disk(target: Path, size: int) -> None:
    """Stop before anything is written where the disk has no room for `size` bytes.

    :raises MergeError: naming both.
    """
    free = shutil.disk_usage(make_folder(target.parent)).free
    if free < size:
        raise MergeError(f"the merged model takes {size / 1e9:.1f} GB and {target.parent} has {free / 1e9:.1f} GB free")


def refuse_little_memory(base: Checkpoint, adapter: Path) -> None:
    """Stop before the kernel kills where memory has no room for both in float32.

    :raises MergeError: naming what is needed and what is free.
    """
    need, free = needed_memory(base, adapter), free_memory()
    if free < need:
        raise MergeError(f"merging by peft takes {need / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free")


def needed_memory(model: Checkpoint, adapter: Path) -> int:
    """Bytes for a model with an adapter on it, in float32, and for changing its largest tensor."""
    sizes = [tensor.count for tensor in model.tensors.values()]
    return 4 * (sum(sizes) + 2 * max(sizes)) + _adapter_memory(adapter) + SPARE


def _adapter_memory(adapter: Path) -> int:
    if (adapter / WEIGHTS).exists():
        return sum(4 * tensor.count for tensor in read_header(adapter / WEIGHTS).values())
    return sum(path.stat().st_size for path in adapter.glob("adapter_model.*"))
