"""Prepared rows for training: read from Parquet, shuffled by epoch, padded to batches."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypedDict

import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

IGNORED = -100
"""Label of a token that is not trained, as PyTorch's cross entropy has it."""


class Row(TypedDict):
    """The columns of one prepared row, each with one number per token."""

    input_ids: list[int]
    attention_mask: list[int]
    labels: list[int]


class PreparedRows(Dataset[Row]):
    """The rows of one Parquet file, held as Arrow buffers; only the rows asked for become Python objects."""

    def __init__(self, path: Path) -> None:
        self.table = pq.read_table(path, columns=list(Row.__annotations__), memory_map=True).combine_chunks()

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __getitem__(self, index: int) -> Row:
        row: Row = self.table.slice(index, 1).to_pylist()[0]
        return row

    def lengths(self) -> list[int]:
        """Tokens in each row."""
        lengths: list[int] = pc.list_value_length(self.table.column("input_ids")).to_pylist()
        return lengths


GROUP = 50
"""Batches whose rows are sorted by length together: enough to save padding, few enough to leave chance."""


class Shuffle(Sampler[int]):
    """An order of the rows that depends on seed and epoch only, so that a resumed epoch goes on in it.

    The samplers of transformers draw from the global random state, which differs after a resume; and the one
    that groups by length does not group small sets of rows.

    :param rows: how many rows (or packs) there are.
    :param seed: what the order depends on beside the epoch; None keeps that of the data.
    :param lengths: tokens in each row, when rows of similar length should share a batch.
    :param batch: rows that make one optimizer step.
    """

    def __init__(self, rows: int, seed: int | None, lengths: list[int] | None, batch: int) -> None:
        self.rows = rows
        self.seed = seed
        self.lengths = lengths
        self.batch = batch
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the epoch `epoch`, counted from 0; the trainer calls this."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.rows

    def __iter__(self) -> Iterator[int]:
        if self.seed is None:
            return iter(range(self.rows))
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        order: list[int] = torch.randperm(self.rows, generator=generator).tolist()
        return iter(order if self.lengths is None else self._grouped(order, self.lengths, generator))

    def _grouped(self, order: list[int], lengths: list[int], generator: torch.Generator) -> list[int]:
        """The rows of `order` in batches of similar length, and these in an order of chance."""
        batches: list[list[int]] = []
        for group in _slices(order, GROUP * self.batch):
            batches += _slices(sorted(group, key=lengths.__getitem__), self.batch)
        # The loader cuts the order into batches anew, so that a smaller batch must stay the last.
        moved = torch.randperm(self.rows // self.batch, generator=generator).tolist()
        return [row for place in [*moved, *range(len(moved), len(batches))] for row in batches[place]]


def _slices(rows: list[int], size: int) -> list[list[int]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


class PaddingCollator:
    """Makes a batch of rows of different lengths, filled up at their right.

    :param padding: the token id to pad with; which one does not matter, as it is masked.
    :param width: tokens that every batch has; None for those of the longest row.
    """

    def __init__(self, padding: int, width: int | None = None) -> None:
        self.padding = padding
        self.width = width

    def __call__(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        width = self.width or max(len(row["input_ids"]) for row in rows)
        ids = pad([row["input_ids"] for row in rows], self.padding, width)
        labels = pad([row["labels"] for row in rows], IGNORED, width)
        return {**batch_of(ids, labels), "attention_mask": pad([row["attention_mask"] for row in rows], 0, width)}


def batch_of(ids: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """What a model needs to know of token ids and labels to compute the loss."""
    # The label of each token's successor, which is what its logits are compared with.
    targets = torch.nn.functional.pad(labels[:, 1:], (0, 1), value=IGNORED)
    trained = targets != IGNORED
    return {
        "input_ids": ids,
        "labels": labels,
        # Logits over a whole vocabulary are a large part of the work: only those that the loss looks at.
        "logits_to_keep": trained,
        "shift_labels": targets[trained],
    }


def pad(rows: Sequence[list[int]], value: int, width: int) -> Tensor:
    """The rows as a matrix, filled up with `value` at their right."""
    return torch.tensor([row + [value] * (width - len(row)) for row in rows])
