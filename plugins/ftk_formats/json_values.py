"""JSON values in which no object has a key twice: Python's `json` would keep the last one, and nobody would know."""

import json
from typing import Any

from ftk.plugin import RowError


class _Twice(ValueError):
    """An object has a key twice; its message is the key."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return fields


_DECODER = json.JSONDecoder(object_pairs_hook=_unique)


def decode(text: str) -> Any:
    """The value that a text is; what is wrong, where an object in it has a key twice.

    :raises json.JSONDecodeError: when it is no JSON.
    """
    try:
        return _DECODER.decode(text)
    except _Twice as error:
        return _twice(error)


def scan(text: str, start: int) -> tuple[Any, int]:
    """The value that begins at `start`, as `decode` gives it, and where it ends.

    :raises json.JSONDecodeError: when there is none.
    """
    try:
        return _DECODER.raw_decode(text, start)
    except _Twice as error:
        return _twice(error), json.JSONDecoder().raw_decode(text, start)[1]


def _twice(error: _Twice) -> RowError:
    return RowError(f"has the key `{error}` twice in one object", "keep one of them")
