"""One row of a data file, as every reader gives it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ftk.plugin import RowError

Fields = dict[str, Any] | RowError
"""A row's content, or what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a data file.

    :param number: the line that it begins on, or its number where the file has no lines, counted from 1.
    :param content: its fields, or what `parse` makes them of.
    :param parse: called when the fields are wanted, since rows are also counted.
    """

    number: int
    content: Any
    parse: Callable[[Any], Fields] | None = None

    @property
    def fields(self) -> Fields:
        """Its content, or what is wrong with it."""
        fields: Fields = self.parse(self.content) if self.parse else self.content
        return fields


def not_utf8(error: UnicodeDecodeError) -> RowError:
    """What is wrong with text of another encoding."""
    return RowError(f"is no UTF-8 text (byte {error.start})", "save the file as UTF-8")


def named_twice(names: Sequence[str]) -> RowError | None:
    """What is wrong with the names of a table's columns, where one stands twice."""
    twice = [name for name in names if names.count(name) > 1]
    return RowError(f"names the field `{twice[0]}` twice", "give one of them another name") if twice else None


def object_or_error(value: Any) -> Fields:
    """A JSON value as the content of a row; what is wrong with one of another kind."""
    if isinstance(value, (dict, RowError)):
        return value
    return RowError("is no JSON object", 'write one such as {"question": "...", "answer": "..."}')
