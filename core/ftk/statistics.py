"""Figures of tokenised data, counted without making Python objects of their tokens."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

from ftk.data import UNTRAINED
from ftk.inspection import Staged
from ftk.staged_rows import PARTS, batches, splits

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
    too_long: int
    too_short: int
    left_out_duplicates: int
    duplicates: int
    histogram: Sequence[Bar]


def count(staged: Staged) -> Statistics:
    """The figures of staged data."""
    lengths: Counter[int] = Counter()
    seen: set[bytes] = set()
    trained = 0
    for split in splits(staged):
        for batch in batches(staged, split):
            columns = _columns(batch, staged.data.kind)
            lengths.update(_lengths(columns))
            trained += _trained(batch, staged.data.kind)
            seen.update(_digests(columns, batch.num_rows))
    ordered = sorted(lengths.elements())
    data = staged.data
    return Statistics(
        train_rows=data.train_rows,
        eval_rows=data.eval_rows,
        tokens=sum(ordered),
        trained=trained,
        shortest=ordered[0],
        median=ordered[(len(ordered) - 1) // 2],
        longest=ordered[-1],
        too_long=data.truncated_rows,
        too_short=data.short_rows,
        left_out_duplicates=data.duplicate_rows,
        duplicates=len(ordered) - len(seen),
        histogram=_histogram(lengths),
    )


def _columns(batch: "pa.RecordBatch", kind: str) -> "list[pa.ListArray]":
    names = ("input_ids", "labels") if kind == "sft" else tuple(f"{name}_ids" for name in PARTS[kind])
    return [batch.column(name) for name in names]


def _lengths(columns: "Sequence[pa.ListArray]") -> list[int]: ...


def _histogram(lengths: "Counter[int]") -> list[Bar]:
    longest = max(lengths)
    width = -(-(longest + 1) // BARS)
    rows = Counter({number: 0 for number in range(longest // width + 1)})
    for length, found in lengths.items():
        rows[length // width] += found
    return [Bar(number * width, (number + 1) * width - 1, found) for number, found in sorted(rows.items())]
