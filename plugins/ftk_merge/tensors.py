"""Tensors in safetensors files, found by the files' headers and read without mapping the files into memory.

The format (https://github.com/huggingface/safetensors#format): eight bytes with the header's length, the header in
JSON, and the tensors' bytes. A mapped file would count as memory of the process; here, only what is read does.
"""

import json
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from ftk_merge.command import MergeError

FLOATS: Mapping[str, torch.dtype] = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
}
"""Types with which is computed, by their names in a header; tensors of other types are copied as they are."""

METADATA = "__metadata__"


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a file.

    :param dtype: the name of its type, such as `BF16`.
    :param start: its first byte in the file.
    :param size: bytes.
    """

    file: Path
    dtype: str
    shape: tuple[int, ...]
    start: int
    size: int

    @property
    def count(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    def read(self) -> Tensor:
        """All of it, in float32."""
        with self.open() as stream:
            return read_floats(stream, self.dtype, self.count).view(self.shape)

    def open(self) -> BinaryIO:
        """Its file, at its first byte."""
        stream = self.file.open("rb", buffering=0)
        stream.seek(self.start)
        return stream


def read_floats(stream: BinaryIO, dtype: str, count: int) -> Tensor:
    """The next `count` numbers of a stream, in float32.

    :param dtype: the name of the type in which they are stored.
    """
    values = torch.empty(count, dtype=FLOATS[dtype])
    read_exactly(stream, values.view(torch.uint8).numpy().data)
    return values.float()


def read_exactly(stream: BinaryIO, target: memoryview) -> None:
    """Fill `target` with the next bytes of a stream.

    :raises MergeError: when the file ends before.
    """
    done = 0
    while done < len(target):
        count = stream.readinto(target[done:])  # type: ignore[attr-defined]
        if not count:
            raise MergeError(f"{stream.name} ends in the middle of a tensor; fetch or train it again")
        done += count


def read_header(file: Path) -> dict[str, StoredTensor]:
    """The tensors of a safetensors file by name, in the order in which they lie there.

    :raises MergeError: when it is no such file.
    """
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(length))
        tensors = {name: about for name, about in header.items() if name != METADATA}
        return dict(_stored(file, 8 + length, tensors))
    except (OSError, struct.error, ValueError, MemoryError, OverflowError) as error:
        raise MergeError(f"{file} is no whole safetensors file: {error}") from None
    except (AttributeError, LookupError, TypeError):
        raise MergeError(f"{file} is no safetensors file: its header is not of that form") from None


def _stored(file: Path, data: int, header: Mapping[str, Any]) -> Iterator[tuple[str, StoredTensor]]:
    """:param data: the first byte after the header."""
    for name, about in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        start, end = map(int, about["data_offsets"])
        shape = tuple(map(int, about["shape"]))
        yield name, StoredTensor(file, str(about["dtype"]), shape, data + start, end - start)
