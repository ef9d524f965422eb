"""Read plain text: each line a row, or the whole file one, with the field `text`."""

from collections.abc import Iterator
from pathlib import Path

from ftk_formats.opening import open_bytes
from ftk_formats.row import Fields, Row, not_utf8


def read_lines(path: Path) -> Iterator[Row]:
    """A row a line; blank lines are passed over."""
    with open_bytes(path) as stream:
        for number, line in enumerate(stream, 1):
            if not line.isspace():
                yield Row(number, _fields(line.rstrip(b"\r\n")))


def read_document(path: Path) -> Iterator[Row]:
    """One row, unless the file is blank."""
    with open_bytes(path) as stream:
        text = stream.read()
    if text and not text.isspace():
        yield Row(1, _fields(text))


def _fields(text: bytes) -> Fields:
    try:
        return {"text": text.decode("utf-8-sig")}
    except UnicodeDecodeError as error:
        return not_utf8(error)
