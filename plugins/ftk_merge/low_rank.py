"""The arithmetic of LoRA (https://arxiv.org/abs/2106.09685) and DoRA (https://arxiv.org/abs/2402.09353), by rows.

Everything is computed in float32, in the same operations as peft's, so that the results are equal bit for bit.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from ftk_merge.tensors import StoredTensor

FoldRows = Callable[[Tensor, int], None]
"""Folds a change into some rows of a weight, in place: `fold(rows, number_of_the_first)`; rows are in float32."""


class Fold(Protocol):
    """A change of a weight."""

    @property
    def needs_all_rows(self) -> bool:
        """Whether all rows must be folded at once."""
        ...

    def fitted(self, shape: tuple[int, ...]) -> "Fold | None":
        """The same change of a weight of this shape; None where it cannot be."""
        ...

    def open(self) -> FoldRows:
        """Read what it needs."""
        ...


@dataclass(frozen=True)
class LowRank:
    """`weight + scaling * B @ A`, and with a magnitude each output's weights scaled to that length.

    :param a: of shape (rank, inputs).
    :param b: of shape (outputs, rank).
    :param transposed: the weight is stored as (inputs, outputs), as embeddings and GPT-2's layers are.
    :param magnitude: DoRA's, one for each output.
    """

    a: StoredTensor
    b: StoredTensor
    scaling: float
    transposed: bool
    magnitude: StoredTensor | None = None

    @property
    def needs_all_rows(self) -> bool:
        """The length of a column is known only from all rows."""
        return self.transposed and self.magnitude is not None

    def fitted(self, shape: tuple[int, ...]) -> "LowRank | None":
        """Where the weight lies the other way round than the adapter's config says, peft goes by the weight too."""
        stored = (self.b.shape[0], self.a.shape[1])
        if shape == (stored[::-1] if self.transposed else stored):
            return self
        return replace(self, transposed=not self.transposed) if shape in (stored, stored[::-1]) else None

    def open(self) -> FoldRows:
        """Read the factors."""
        a, b = self.a.read(), self.b.read()
        magnitude = self.magnitude.read().view(-1) if self.magnitude else None

        def fold(rows: Tensor, first: int) -> None:
            chosen = slice(first, first + len(rows))
            change = (b @ a[:, chosen]).T if self.transposed else b[chosen] @ a
            rows += change.mul_(self.scaling)
            if magnitude is not None and self.transposed:
                rows *= (magnitude / torch.linalg.norm(rows, dim=0)).view(1, -1)
            elif magnitude is not None:
                rows *= (magnitude[chosen] / torch.linalg.norm(rows, dim=1)).view(-1, 1)

        return fold


@dataclass(frozen=True)
class Shift:
    """`bias + scaling * B's own bias` (peft's `lora_bias`)."""

    bias: StoredTensor
    scaling: float
    needs_all_rows: bool = False

    def fitted(self, shape: tuple[int, ...]) -> "Shift | None":
        """The same for a bias of this shape."""
        return self if shape == self.bias.shape else None

    def open(self) -> FoldRows:
        """Read the bias."""
        bias = self.bias.read()

        def fold(rows: Tensor, first: int) -> None:
            rows += (bias[first : first + len(rows)] * self.scaling).view_as(rows)

        return fold
