"""Read Parquet and Arrow files, some rows at a time."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ftk.plugin import RowError
from ftk_formats.row import Fields, Row, named_twice

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 1000
"""Rows that are read at a time."""


def read_parquet(path: Path) -> Iterator[Row]:
    """The rows of a Parquet file."""
    # Imported here since every command of ftk loads this plugin.
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        yield from _rows(file.schema_arrow.names, file.iter_batches(BATCH))


def read_arrow(path: Path) -> Iterator[Row]:
    """The rows of an Arrow file, or of a stream as the `datasets` library writes it."""
    import pyarrow as pa

    with pa.OSFile(str(path)) as source:
        try:
            file = pa.ipc.open_file(source)
        except pa.ArrowInvalid:
            source.seek(0)
            stream = pa.ipc.open_stream(source)
            yield from _rows(stream.schema.names, stream)
        else:
            batches = (file.get_batch(number) for number in range(file.num_record_batches))
            yield from _rows(file.schema.names, batches)


def _rows(names: Sequence[str], batches: "Iterable[pa.RecordBatch]") -> Iterator[Row]:
    """The rows of batches.

    :param names: of their columns.
    """
    if error := named_twice(names):
        yield Row(1, error)
        return
    number = 0
    for batch in batches:
        for start in range(0, batch.num_rows, BATCH):
            for fields in _fields(batch.slice(start, BATCH)):
                number += 1
                yield Row(number, fields)


def _fields(batch: "pa.RecordBatch") -> "Iterable[Fields]":
    try:
        return cast("list[Fields]", batch.to_pylist())
    except Exception:  # a value that Python cannot represent; what is raised depends on its type
        return map(_row, (batch.slice(number, 1) for number in range(batch.num_rows)))


def _row(batch: "pa.RecordBatch") -> Fields:
    """The only row of a batch."""
    row: dict[str, Any] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            [row[name]] = column.to_pylist()
        except Exception as error:
            message = f"the column `{name}` ({column.type}) holds what Python cannot represent: {error}"
            return RowError(message, "write it as text, or remove the column")
    return row
