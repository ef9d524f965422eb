"""Read the fields of a row, with what is wrong told by name."""

from collections.abc import Mapping
from typing import Any

from ftk.plugin import RowError


class Asked(dict[str, Any]):
    """A row that a model is asked, whose answer may be missing."""


def text(row: Mapping[str, Any], field: str) -> str:
    """The text of a field.

    :raises RowError: when it is missing or no text.
    """
    if field not in row:
        raise RowError(f"the field `{field}` is missing (it has {names(row)})", "add it, or name the right field")
    value = row[field]
    if value is None:
        raise RowError(f"the field `{field}` is null, not text", "write some, or remove the row")
    if not isinstance(value, str):
        raise RowError(f"the field `{field}` is {shown(value)}, not text", "put it in quotes")
    return value


def optional_text(row: Mapping[str, Any], field: str) -> str:
    """The text of a field that may be missing or null; such a one is empty."""
    return "" if row.get(field) is None else text(row, field)


def answer(row: Mapping[str, Any], field: str) -> str:
    """The text of a field that is learned; empty in a row that is only asked.

    :raises RowError: when it is blank too.
    """
    if isinstance(row, Asked):
        return ""
    return written(text(row, field), field)


def written(value: str, field: str) -> str:
    """An answer in a field.

    :raises RowError: when it is blank.
    """
    if not value.strip():
        raise RowError(f"the field `{field}` is empty", "write an answer, or remove the row")
    return value


def items(row: Mapping[str, Any], field: str) -> list[Any]:
    """The items of a field that is a list.

    :raises RowError: when it is none, or has none.
    """
    if field not in row:
        raise RowError(f"the field `{field}` is missing (it has {names(row)})", "add it, or name the right field")
    value = row[field]
    if not isinstance(value, list) or not value:
        raise RowError(f"the field `{field}` is {shown(value)}, not a list with items", "write it as a JSON list")
    return value


def flag(value: Any, what: str) -> bool:
    """A value that is true or false, or a number that stands for one of them.

    :param what: the value, for a person.
    :raises RowError: when it is another; text such as "false" would count as true.
    """
    if not isinstance(value, bool | int | float) or value not in (0, 1):
        raise RowError(f"{what} is {shown(value)}, neither true nor false", "write true or false, without quotes")
    return bool(value)


def first(row: Mapping[str, Any], *wanted: str) -> str:
    """The first of these fields that the row has, or else the last one."""
    return next((name for name in wanted if name in row), wanted[-1])


def names(row: Mapping[str, Any]) -> str:
    """The names of a row's fields, for a person."""
    return ", ".join(f"`{name}`" for name in row) or "no fields"


def shown(value: Any) -> str:
    """A value, for a person."""
    try:
        whole = repr(value)
    except RecursionError:
        return f"a {type(value).__name__} that is nested too deep"
    return whole if len(whole) <= 60 else f"{whole[:57]}..."
