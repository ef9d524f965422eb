"""One row of a data file, as every reader gives it."""

from dataclasses import dataclass
from typing import Any

from ftk.plugin import RowError


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a data file.

    :param number: the line that it begins on, or its number where the file has no lines, counted from 1.
    :param fields: its content, or what is wrong with it.
    """

    number: int
    fields: dict[str, Any] | RowError


def not_utf8(error: UnicodeDecodeError) -> RowError:
    """What is wrong with text of another encoding."""
    return RowError(f"is no UTF-8 text (byte {error.start})", "save the file as UTF-8")


def object_or_error(value: Any) -> dict[str, Any] | RowError:
    """A JSON value as the content of a row; what is wrong with one of another kind."""
    if isinstance(value, (dict, RowError)):
        return value
    return RowError("is no JSON object", 'write one such as {"question": "...", "answer": "..."}')
