"""Read JSON: one object a line, or one list of objects, which may be larger than memory."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from ftk.plugin import RowError
from ftk_formats.json_list import read_list
from ftk_formats.json_values import decode
from ftk_formats.opening import open_bytes
from ftk_formats.row import Row, not_utf8, object_or_error

BOM = b"\xef\xbb\xbf"


def read(path: Path) -> Iterator[Row]:
    """The rows of a file; blank lines are passed over."""
    with open_bytes(path) as stream:
        for number, line in enumerate(stream, 1):
            if content := line.removeprefix(BOM).strip():
                rows = read_list if content.startswith(b"[") else _read_lines
                yield from rows(line.removeprefix(BOM), stream, number)
                return


def _read_lines(first: bytes, stream: BinaryIO, number: int) -> Iterator[Row]:
    for place, line in enumerate(chain((first,), stream), number):
        if not line.isspace():
            yield Row(place, _parse(line))


def _parse(line: bytes) -> dict[str, Any] | RowError:
    try:
        value = decode(line.decode())
    except UnicodeDecodeError as error:
        return not_utf8(error)
    except (ValueError, RecursionError) as error:
        return RowError(f"is no JSON: {error}", "write one JSON object a line")
    return object_or_error(value)
