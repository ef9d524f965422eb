"""Read tokenised rows back, one at a time, as they are trained."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from ftk.artifacts import StagedData
from ftk.data.inspection import Staged
from ftk.data.tokenised import UNTRAINED

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 1000
"""Rows that are read, and held in memory, at a time."""

FILES = {"train": StagedData.TRAIN, "eval": StagedData.EVAL}

PARTS = {"preference": ("prompt", "chosen", "rejected"), "unpaired": ("prompt", "completion")}
"""The texts of rows that are not one sequence."""


@dataclass(frozen=True)
class Part:
    """A sequence of tokens.

    :param name: what it is in its row; empty for all of it.
    :param ids: its tokens.
    :param trained: for each of them, whether it is learned.
    """

    name: str
    ids: Sequence[int]
    trained: Sequence[bool]


@dataclass(frozen=True)
class StagedRow:
    """A row.

    :param split: `train` or `eval`.
    :param number: its number in the data, counted from 1.
    :param parts: its tokens.
    :param label: of an unpaired completion, whether it is wanted; else None.
    """

    split: str
    number: int
    parts: Sequence[Part]
    label: bool | None = None


def splits(staged: Staged) -> list[str]:
    """The splits that have rows."""
    return [name for name, rows in (("train", staged.data.train_rows), ("eval", staged.data.eval_rows)) if rows]


def read_rows(staged: Staged, split: str, wanted: Callable[[int], bool]) -> Iterator[StagedRow]:
    """The rows of a split whose number is wanted, in their order."""
    numbers = _numbers(staged, split)
    for batch in batches(staged, split):
        for place in range(batch.num_rows):
            number = next(numbers)
            if wanted(number):
                [fields] = batch.slice(place, 1).to_pylist()
                yield StagedRow(split, number, _parts(staged.data.kind, fields), fields.get("label"))


def batches(staged: Staged, split: str) -> "Iterator[pa.RecordBatch]":
    """The rows of a split as Arrow has them."""
    import pyarrow.parquet as pq

    with staged.open(FILES[split]) as stream, pq.ParquetFile(stream) as file:
        yield from file.iter_batches(BATCH)


def _numbers(staged: Staged, split: str) -> Iterator[int]:
    """The numbers of the rows; where they were not kept, those in the split."""
    import pyarrow.parquet as pq

    try:
        stream = staged.open(StagedData.NUMBERS.format(split))
    except FileNotFoundError:
        return count(1)
    with stream:
        return iter(pq.read_table(stream).column("row").to_pylist())


def _parts(kind: str, fields: Mapping[str, Any]) -> list[Part]:
    if kind == "sft":
        return [Part("", fields["input_ids"], [label != UNTRAINED for label in fields["labels"]])]
    parts = [(name, fields[f"{name}_ids"]) for name in PARTS[kind]]
    return [Part(name, ids, [name != "prompt"] * len(ids)) for name, ids in parts]
