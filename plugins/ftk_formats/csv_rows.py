"""Read comma- and tab-separated values: the first line names the fields, and every field is text."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from ftk.plugin import RowError, plain_suffix
from ftk_formats.opening import open_bytes
from ftk_formats.row import Fields, Row, named_twice, not_utf8

LONGEST = 1 << 30
"""Characters that a field may have; Python's own limit is below that of many documents."""


def read(path: Path) -> Iterator[Row]:
    """A row a record, with the line that it begins on; a quoted field may go over several lines."""
    csv.field_size_limit(LONGEST)
    delimiter = "\t" if plain_suffix(path) == ".tsv" else ","
    with open_bytes(path) as stream:
        reader = csv.reader((line.decode("utf-8") for line in stream), delimiter=delimiter, strict=True)
        names: list[str] | None = None
        while True:
            line = reader.line_num + 1
            try:
                values = next(reader)
            except StopIteration:
                return
            except UnicodeDecodeError as error:
                yield Row(line, not_utf8(error))
                return
            except csv.Error as error:
                yield Row(line, _no_csv(error))
                return
            if not values:
                continue
            if names is None:
                names = [name.removeprefix("\ufeff") for name in values]
                if wrong := named_twice(names):
                    yield Row(line, wrong)
                    return
            else:
                yield Row(line, _fields(names, values))


def _no_csv(error: csv.Error) -> RowError:
    if "new-line character" in str(error):
        return RowError("has a line end that is a CR alone", "save the file with LF as its line ends")
    return RowError(f"is no CSV: {error}", 'close the quotes, and write each `"` in them twice')


def _fields(names: Sequence[str], values: Sequence[str]) -> Fields:
    if len(values) != len(names):
        message = f"has {len(values)} fields, but the first line names {len(names)}"
        return RowError(message, "put fields that hold the separator in quotes")
    return dict(zip(names, values, strict=True))
