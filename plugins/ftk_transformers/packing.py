"""Several rows in one sequence: less padding, and each row computed as if it were alone."""

from bisect import bisect_left, insort
from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor
from torch.utils.data import Dataset

from ftk_transformers.dataset import IGNORED, PreparedRows, Row, batch_of, pad


class PackedRows(Dataset[list[Row]]):
    """The rows of a data set in packs of at most `capacity` tokens; the packs are the same in every epoch."""

    def __init__(self, rows: PreparedRows, capacity: int) -> None:
        self.rows = rows
        self.sizes = rows.lengths()
        self.packs = pack(self.sizes, capacity)

    def __len__(self) -> int:
        return len(self.packs)

    def __getitem__(self, index: int) -> list[Row]:
        return [self.rows[row] for row in self.packs[index]]

    def lengths(self) -> list[int]:
        """Tokens in each pack."""
        return [sum(self.sizes[row] for row in rows) for rows in self.packs]


def pack(sizes: Sequence[int], capacity: int) -> list[list[int]]:
    """The numbers of the rows in each pack: the longest first, each into the fullest pack that it fits in.

    :param sizes: tokens of each row.
    :param capacity: tokens of a pack; a row that is longer has one of its own.
    """
    packs: list[list[int]] = []
    open_packs: list[tuple[int, int]] = []  # how much room is left, and in which pack; sorted
    for row in sorted(range(len(sizes)), key=lambda row: -sizes[row]):
        place = bisect_left(open_packs, (sizes[row], 0))
        if place < len(open_packs):
            room, number = open_packs.pop(place)
            packs[number].append(row)
        else:
            room, number = capacity, len(packs)
            packs.append([row])
        insort(open_packs, (room - sizes[row], number))
    return packs


class PackingCollator:
    """Makes a batch of packs. Positions begin anew with each row, by which transformers keeps the rows apart.

    :param padding: the token id to pad with.
    :param width: tokens that every batch has; None for those of the longest pack.
    """

    def __init__(self, padding: int, width: int | None) -> None:
        self.padding = padding
        self.width = width

    def __call__(self, packs: Sequence[list[Row]]) -> dict[str, Tensor]:
        width = self.width or max(sum(len(row["input_ids"]) for row in rows) for rows in packs)
        # What follows a row is no target of its last token.
        labels = [[IGNORED, *row["labels"][1:]] for rows in packs for row in rows]
        parts = iter(labels)
        joined = [list(chain.from_iterable(next(parts) for _ in rows)) for rows in packs]
        ids = [list(chain.from_iterable(row["input_ids"] for row in rows)) for rows in packs]
        return {
            **batch_of(pad(ids, self.padding, width), pad(joined, IGNORED, width)),
            "position_ids": torch.stack([_positions(rows, width) for rows in packs]),
        }


def _positions(rows: Sequence[Row], width: int) -> Tensor:
    """Positions in a pack; each token of its padding counts as a row of its own."""
    sizes = [len(row["input_ids"]) for row in rows]
    return torch.cat([*map(torch.arange, sizes), torch.zeros(width - sum(sizes), dtype=torch.int64)])


def tokens_in(positions: Tensor) -> int:
    """Tokens of a batch of packs, without its padding."""
    follows = torch.nn.functional.pad(positions[:, 1:], (0, 1))
    return int(positions.numel() - ((positions == 0) & (follows != 1)).sum())
