"""Read a JSON list of objects, which may be larger than memory, with the line that each object begins on."""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from ftk.plugin import RowError
from ftk_formats.json_values import scan
from ftk_formats.row import Row, not_utf8, object_or_error

CHUNK = 1 << 20
"""Bytes read at a time."""

LONGEST_WORD = 16
"""Characters before the end of what was read, in which an error may only mean that a word was cut there."""

_SPACE = re.compile(r"[ \t\r\n]*")


def read_list(first: bytes, stream: BinaryIO, line: int) -> Iterator[Row]:
    """The objects of a list; whatever is no JSON ends it, since nobody knows where the next object begins.

    :param first: the line that the list begins on, or its first bytes.
    :param stream: what follows.
    :param line: the number of that line.
    """
    text = _Text(first, stream, line)
    try:
        text.expect("[")
        following = text.peek()
        while following != "]":
            number, value = text.line, text.take()
            yield Row(number, object_or_error(value))
            following = text.expect(",", "]")
        if text.peek() not in ("", "]"):
            raise ValueError("something follows the list")
    except UnicodeDecodeError as error:
        yield Row(text.line, not_utf8(error))
    except (ValueError, RecursionError) as error:
        yield Row(text.line, RowError(f"is no JSON: {error}", "mend it: what follows cannot be read before"))


class _Text:
    """The part of the file that is being looked at."""

    def __init__(self, first: bytes, stream: BinaryIO, line: int) -> None:
        self.line = line
        self._stream = stream
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._text = self._decode(first)
        self._at = 0

    def peek(self) -> str:
        """The next character that is no white space; nothing at the end of the file."""
        while True:
            self._pass(_SPACE.match(self._text, self._at).end())  # type: ignore[union-attr]
            if self._at < len(self._text) or not self._read():
                return self._text[self._at : self._at + 1]

    def expect(self, *wanted: str) -> str:
        """Pass over one of these characters, and give it."""
        found = self.peek()
        if found not in wanted:
            raise ValueError(f"{' or '.join(wanted)} is missing" if found else "the list is not closed")
        self._pass(self._at + 1)
        self.peek()
        return found

    def take(self) -> Any:
        """The value that begins here."""
        while True:
            try:
                value, end = scan(self._text, self._at)
            except json.JSONDecodeError as error:
                if not (_may_be_cut(error, len(self._text)) and self._read()):
                    raise ValueError(error.msg) from None
            else:
                # A number at the end may go on.
                if end < len(self._text) or not self._read():
                    self._pass(end)
                    return value

    def _pass(self, end: int) -> None:
        self.line += self._text.count("\n", self._at, end)
        self._at = end

    def _read(self) -> bool:
        """Read on; whether there was anything."""
        chunk = self._stream.read(max(CHUNK, len(self._text) - self._at))
        self._text = self._text[self._at :] + self._decode(chunk, final=not chunk)
        self._at = 0
        return bool(chunk)


def _may_be_cut(error: json.JSONDecodeError, length: int) -> bool:
    return error.pos > length - LONGEST_WORD or error.msg.startswith("Unterminated")
