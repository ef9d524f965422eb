"""JSON values as rows can have them: Python's `json` takes a key that stands twice, and half a character."""

import json
import re
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

_ESCAPED = re.compile(r"\\u[dD][89a-fA-F]")
"""How half a character is written, alone or with its other half."""

_HALF = re.compile("[\ud800-\udfff]")
"""Half a character: Python reads two that fit as one, which this is not."""


def decode(text: str) -> Any:
    """The value that a text is; what is wrong, where an object in it has a key twice, or a text half a character.

    :raises json.JSONDecodeError: when it is no JSON.
    """
    try:
        value = _DECODER.decode(text)
    except _Twice as error:
        return _twice(error)
    return _whole(value) if _ESCAPED.search(text) else value


def scan(text: str, start: int) -> tuple[Any, int]:
    """The value that begins at `start`, as `decode` gives it, and where it ends.

    :raises json.JSONDecodeError: when there is none.
    """
    try:
        value, end = _DECODER.raw_decode(text, start)
    except _Twice as error:
        return _twice(error), json.JSONDecoder().raw_decode(text, start)[1]
    return _whole(value) if _ESCAPED.search(text, start, end) else value, end


def _whole(value: Any) -> Any:
    """The value; what is wrong, where a field has half a character: no tokenizer takes one."""
    for name, item in value.items() if isinstance(value, dict) else ():
        if half := _HALF.search(json.dumps(item, ensure_ascii=False)):
            shown = ascii(half[0]).strip("'")
            return RowError(f"the field `{name}` has half a character ({shown})", "write it whole, or remove it")
    return value


def _twice(error: _Twice) -> RowError:
    return RowError(f"has the key `{error}` twice in one object", "keep one of them")
