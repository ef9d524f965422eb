"""Write tokenised rows as Parquet, and keep the first of them as readable samples."""

from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ftk.plugin import COLUMNS, AnyRow, RowTokenizer, StagedData
from ftk_formats.columns import Columns

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

SAMPLES = 64
"""Rows of each split that are kept as samples: enough for a run's summary."""

MOST_ROWS = 1000
"""Rows written, and held in memory, at a time."""

MOST_TOKENS = 1_000_000
"""Fewer rows where they are long."""


class Split(StrEnum):
    """What rows are for."""

    TRAIN = "train"
    EVAL = "eval"


class SplitWriter:
    """Writes the rows of one split; its files appear with the first row.

    :param folder: where to.
    :param split: which.
    :param tokenizer: writes the samples as text.
    """

    def __init__(self, folder: Path, split: Split, tokenizer: RowTokenizer) -> None:
        self.folder = folder
        self.split = split
        self.rows = 0
        self.tokens = 0
        self.trained_tokens = 0
        self._tokenizer = tokenizer
        self.samples: list[dict[str, Any]] = []
        self._numbers = Columns({"row": "int64"})
        self._columns: Columns | None = None
        self._waiting = 0
        self._length = 0
        self._files: dict[str, pq.ParquetWriter] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self._flush()
        for file in self._files.values():
            file.close()

    def add(self, number: int, row: AnyRow) -> None:
        """Write one row.

        :param number: its number in the data, counted from 1.
        """
        self.rows += 1
        self.tokens += len(row)
        self.trained_tokens += row.trained
        if len(self.samples) < SAMPLES:
            self.samples.append(self._sample(number, row))
        self._columns = self._columns or Columns(COLUMNS[row.kind])
        self._columns.append(row.columns)
        self._numbers.append({"row": number})
        self._waiting += 1
        self._length += len(row)
        if self._waiting == MOST_ROWS or self._length >= MOST_TOKENS:
            self._flush()

    def _sample(self, number: int, row: AnyRow) -> dict[str, Any]:
        prompt, answer = row.sample
        texts = {"prompt": self._tokenizer.text(prompt), "expected": self._tokenizer.text(answer)}
        return {"split": self.split, "row": number, **texts, "input_ids": prompt}

    def _flush(self) -> None:
        if self._columns and self._waiting:
            self._write(f"{self.split}.parquet", self._columns.take())
            self._write(StagedData.NUMBERS.format(self.split), self._numbers.take())
        self._waiting = self._length = 0

    def _write(self, name: str, table: "pa.Table") -> None:
        # Imported here since every command of ftk loads this plugin.
        import pyarrow.parquet as pq

        if name not in self._files:
            # Among so few rows a dictionary of tokens makes files no smaller, and slower to write.
            self._files[name] = pq.ParquetWriter(
                self.folder / name, table.schema, compression="zstd", use_dictionary=False
            )
        self._files[name].write_table(table)
