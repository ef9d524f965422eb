"""Read JSON: one object a line, or one list of objects, which may be larger than memory."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from ftk.plugin import RowError
from ftk_formats.json_list import CHUNK, read_list
from ftk_formats.json_values import decode
from ftk_formats.opening import open_bytes
from ftk_formats.row import Fields, Row, not_utf8, object_or_error

BOM = b"\xef\xbb\xbf"


def read(path: Path) -> Iterator[Row]:
    """The rows of a file; blank lines are passed over."""
    with open_bytes(path) as stream:
        number = 1
        # Of the first line only a part, since a list may stand on one.
        while start := stream.readline(CHUNK):
            if content := start.removeprefix(BOM).strip():
                rows = read_list if content.startswith(b"[") else _read_lines
                yield from rows(start.removeprefix(BOM), stream, number)
                return
            number += start.endswith(b"\n")


def _read_lines(start: bytes, stream: BinaryIO, number: int) -> Iterator[Row]:
    """The rows of a file that goes on after `start`, the beginning of a line or all of it."""
    first = start if start.endswith(b"\n") else start + stream.readline()
    for place, line in enumerate(chain((first,), stream), number):
        if not line.isspace():
            yield Row(place, line, _parse)


def _parse(line: bytes) -> Fields:
    try:
        value = decode(line.decode())
    except UnicodeDecodeError as error:
        return not_utf8(error)
    except (ValueError, RecursionError) as error:
        return RowError(f"is no JSON: {error}", "write one JSON object a line")
    return object_or_error(value)
