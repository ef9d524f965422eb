"""Write a safetensors file tensor by tensor, so that only some rows of one are in memory at any time."""

import json
import math
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from torch import Tensor
from torch import uint8 as byte

from ftk.files import new_file
from ftk_merge.planning import MergedTensor
from ftk_merge.tensors import FLOATS, METADATA, read_exactly, read_floats

BLOCK = 1 << 20
"""Numbers that are computed at a time: their work fits into a processor's cache."""

Wrote = Callable[[int], None]
"""Told how many more bytes are written."""


def write_shard(path: Path, tensors: Mapping[str, MergedTensor], wrote: Wrote) -> None:
    """Write one file of a merged model."""
    with new_file(path) as stream:
        stream.write(_header(tensors))
        for tensor in tensors.values():
            if tensor.fold is None and tensor.dtype == tensor.source.dtype:
                _copy(tensor, stream, wrote)
            else:
                _compute(tensor, stream, wrote)


def _header(tensors: Mapping[str, MergedTensor]) -> bytes:
    header: dict[str, object] = {METADATA: {"format": "pt"}}
    end = 0
    for name, tensor in tensors.items():
        start, end = end, end + tensor.size
        header[name] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # so that the tensors' bytes are aligned
    return struct.pack("<Q", len(text)) + text


def _copy(tensor: MergedTensor, stream: BinaryIO, wrote: Wrote) -> None:
    buffer = memoryview(bytearray(min(BLOCK, tensor.size)))
    with tensor.source.open() as source:
        for start in range(0, tensor.size, BLOCK):
            part = buffer[: tensor.size - start]
            read_exactly(source, part)
            stream.write(part)
            wrote(len(part))


def _compute(tensor: MergedTensor, stream: BinaryIO, wrote: Wrote) -> None:
    fold = tensor.fold.open() if tensor.fold else None
    rows = tensor.shape[0] if tensor.shape else 1
    row = math.prod(tensor.shape[1:])
    step = rows if tensor.fold and tensor.fold.needs_all_rows else max(1, BLOCK // max(1, row))
    with tensor.source.open() as source:
        for first in range(0, rows, step):
            count = min(step, rows - first)
            block = read_floats(source, tensor.source.dtype, count * row).view(count, row)
            if fold is not None:
                fold(block, first)
            part = _bytes(block.to(FLOATS[tensor.dtype]))
            stream.write(part)
            wrote(len(part))


def _bytes(values: Tensor) -> memoryview:
    return values.view(-1).view(byte).numpy().data
