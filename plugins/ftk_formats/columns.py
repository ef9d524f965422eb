"""Gather the values of rows as columns, as Arrow keeps them."""

from array import array
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

_CODES = {"int8[]": "b", "int32[]": "i"}
"""How lists of integers of each width are kept, by the codes of `array`."""


class _Column(Protocol):
    def append(self, value: Any, /) -> None: ...

    def take(self) -> "pa.Array": ...


class Columns:
    """The columns of a table that is being made.

    :param kinds: the columns by name, each with its type as Arrow names it; `[]` for a list of them.
    """

    def __init__(self, kinds: Mapping[str, str]) -> None:
        self._columns: dict[str, _Column] = {
            name: _Lists(kind) if kind in _CODES else _Values(kind) for name, kind in kinds.items()
        }

    def append(self, values: Mapping[str, Any]) -> None:
        """Add a row."""
        for name, column in self._columns.items():
            column.append(values[name])

    def take(self) -> "pa.Table":
        """The rows that were added since the last time."""
        # Imported here since every command of ftk loads this plugin.
        import pyarrow as pa

        return pa.table({name: column.take() for name, column in self._columns.items()})


class _Values:
    """One value a row."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._values: list[Any] = []

    def append(self, value: Any, /) -> None:
        self._values.append(value)

    def take(self) -> "pa.Array":
        import pyarrow as pa

        values, self._values = self._values, []
        return pa.array(values, pa.type_for_alias(self._kind))


class _Lists:
    """A list of integers a row, all behind each other: lists of Python's integers take ten times the memory."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._clear()

    def _clear(self) -> None:
        self._values = array(_CODES[self._kind])
        self._ends = array("i", [0])

    def append(self, value: list[int], /) -> None:
        self._values.fromlist(value)
        self._ends.append(len(self._values))

    def take(self) -> "pa.Array":
        import pyarrow as pa

        item = pa.type_for_alias(self._kind.removesuffix("[]"))
        values = pa.Array.from_buffers(item, len(self._values), [None, pa.py_buffer(self._values)])
        ends = pa.Array.from_buffers(pa.int32(), len(self._ends), [None, pa.py_buffer(self._ends)])
        self._clear()
        return pa.ListArray.from_arrays(ends, values)
