"""Figures of tokenised data."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

from ftk.data.inspection import Staged
from ftk.data.staged_rows import PARTS, batches, splits
from ftk.data.tokenised import UNTRAINED

if TYPE_CHECKING:
    import pyarrow as pa

BARS = 10
"""Bars of the histogram."""


@dataclass(frozen=True)
class Bar:
    """Rows of similar length.

    :param first: the least number of tokens.
    :param last: the greatest one.
    :param rows: how many rows.
    """

    first: int
    last: int
    rows: int


@dataclass(frozen=True)
class Statistics:
    """Figures of all rows, of both splits.

    :param tokens: all tokens.
    :param trained: those of them that carry loss.
    :param shortest: tokens of the shortest row.
    :param median: of half of the rows, at most so many tokens.
    :param longest: tokens of the longest row.
    :param duplicates: rows that were there before, token by token.
    :param histogram: lengths.
    """

    train_rows: int
    eval_rows: int
    tokens: int
    trained: int
    shortest: int
    median: int
    longest: int
    duplicates: int
    histogram: Sequence[Bar]


def count(staged: Staged) -> Statistics:
    """The figures of staged data."""
    lengths: Counter[int] = Counter()
    seen: set[bytes] = set()
    trained = 0
    for split in splits(staged):
        for batch in batches(staged, split):
            lengths.update(_lengths(batch, staged.data.kind))
            trained += _trained(batch, staged.data.kind)
            seen.update(_digests(batch))
    ordered = sorted(lengths.elements())
    return Statistics(
        train_rows=staged.data.train_rows,
        eval_rows=staged.data.eval_rows,
        tokens=sum(ordered),
        trained=trained,
        shortest=ordered[0],
        median=ordered[(len(ordered) - 1) // 2],
        longest=ordered[-1],
        duplicates=len(ordered) - len(seen),
        histogram=_histogram(lengths),
    )


def _lengths(batch: "pa.RecordBatch", kind: str) -> list[int]:
    import pyarrow.compute as pc

    names = ("input_ids",) if kind == "sft" else [f"{name}_ids" for name in PARTS[kind]]
    columns = [pc.list_value_length(batch.column(name)).to_pylist() for name in names]
    return [sum(row) for row in zip(*columns, strict=True)]


def _trained(batch: "pa.RecordBatch", kind: str) -> int:
    import pyarrow.compute as pc

    if kind == "sft":
        return int(pc.sum(pc.not_equal(batch.column("labels").flatten(), UNTRAINED)).as_py() or 0)
    return sum(len(batch.column(f"{name}_ids").flatten()) for name in PARTS[kind] if name != "prompt")


def _digests(batch: "pa.RecordBatch") -> list[bytes]:
    """A digest of the tokens of each row."""
    columns = [column.to_pylist() for column in batch.columns]
    return [blake2b(repr(row).encode(), digest_size=16).digest() for row in zip(*columns, strict=True)]


def _histogram(lengths: Mapping[int, int]) -> list[Bar]:
    first, last = min(lengths), max(lengths)
    width = -(-(last + 1 - first) // BARS)
    rows = [0] * ((last - first) // width + 1)
    for length, found in lengths.items():
        rows[(length - first) // width] += found
    starts = range(first, last + 1, width)
    return [Bar(start, start + width - 1, found) for start, found in zip(starts, rows, strict=True)]
