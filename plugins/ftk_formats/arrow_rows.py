"""Read Parquet and Arrow files, some rows at a time."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ftk_formats.row import Row

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 1000
"""Rows that are read at a time."""


def read_parquet(path: Path) -> Iterator[Row]:
    """The rows of a Parquet file."""
    # Imported here since every command of ftk loads this plugin.
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        yield from _rows(file.iter_batches(BATCH))


def read_arrow(path: Path) -> Iterator[Row]:
    """The rows of an Arrow file, or of a stream as the `datasets` library writes it."""
    import pyarrow as pa

    with pa.OSFile(str(path)) as source:
        try:
            file = pa.ipc.open_file(source)
        except pa.ArrowInvalid:
            source.seek(0)
            yield from _rows(pa.ipc.open_stream(source))
        else:
            yield from _rows(file.get_batch(number) for number in range(file.num_record_batches))


def _rows(batches: "Iterable[pa.RecordBatch]") -> Iterator[Row]:
    number = 0
    for batch in batches:
        for start in range(0, batch.num_rows, BATCH):
            for fields in batch.slice(start, BATCH).to_pylist():
                number += 1
                yield Row(number, fields)
