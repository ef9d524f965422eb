"""Read the rows of a data file one at a time, each with its number, whatever kind of file it is."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ftk.plugin import Problem, RowError
from ftk_formats import arrow_rows, csv_rows, json_rows, text_rows
from ftk_formats.row import Row

Reader = Callable[[Path], Iterator[Row]]

READERS: Mapping[str, Reader] = {
    "json": json_rows.read,
    "csv": csv_rows.read,
    "parquet": arrow_rows.read_parquet,
    "arrow": arrow_rows.read_arrow,
    "text": text_rows.read_lines,
    "document": text_rows.read_document,
}
"""How each kind of file is read."""

UNNUMBERED = ("parquet", "arrow")
"""Kinds without lines: their rows are counted."""


@dataclass(frozen=True)
class DataFile:
    """A file of rows.

    :param path: where it lies.
    :param kind: how it is read, a key of `READERS`.
    :param name: by which a person knows it.
    """

    path: Path
    kind: str
    name: str

    def rows(self) -> Iterator[Row]:
        """Its rows; where it is damaged, the last one says so.

        :raises OSError: when the file cannot be opened.
        """
        last = 0
        try:
            for row in READERS[self.kind](self.path):
                last = row.number
                yield row
        except (EOFError, ValueError, zlib.error) as error:
            yield Row(last + 1, _damage(error))
        except OSError as error:
            if error.errno is not None:
                raise
            yield Row(last + 1, _damage(error))

    def place(self, number: int) -> str:
        """Where a person finds a row."""
        return f"{self.name}:{'row ' if self.kind in UNNUMBERED else ''}{number}"

    def problem(self, number: int, error: RowError) -> Problem:
        """The problem that a bad row is."""
        return Problem(self.place(number), error.message, error.remedy)


def _damage(error: Exception) -> RowError:
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return RowError(f"cannot be read on from here: {reason}", "the file is damaged, cut short or of another kind")
