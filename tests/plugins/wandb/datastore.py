"""Read the file in which W&B keeps an offline run: records in LevelDB's log format, each a message of W&B's own.

The format: https://github.com/google/leveldb/blob/main/doc/log_format.md, after seven bytes that name W&B's version.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BLOCK = 32768
HEADER = struct.Struct("<IHB")
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def read_records(path: Path) -> Iterator[Any]:
    """The records of a run, as W&B's own `Record` messages."""
    from wandb.proto.wandb_internal_pb2 import Record

    content = path.read_bytes()
    assert content[:4] == b":W&B"
    message = b""
    for kind, part in _parts(content):
        message = part if kind in (FULL, FIRST) else message + part
        if kind in (FULL, LAST):
            yield Record.FromString(message)


def _parts(content: bytes) -> Iterator[tuple[int, bytes]]:
    position = 7
    while position + HEADER.size <= len(content):
        left = BLOCK - position % BLOCK
        if left < HEADER.size:  # the filling at the end of a block
            position += left
            continue
        _, length, kind = HEADER.unpack_from(content, position)
        position += HEADER.size
        yield kind, content[position : position + length]
        position += length
