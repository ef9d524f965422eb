"""What the device at hand can train with, where a config asks for something else."""

from dataclasses import dataclass
from typing import Self

import torch

from ftk.reporter import Reporter
from ftk_transformers.settings import Settings

GPU_OPTIMIZERS = ("bnb", "8bit", "4bit", "paged")
"""Parts of the names of optimizers whose kernels need a GPU."""


@dataclass(frozen=True)
class Device:
    """Where and in which precision a training runs.

    :param bf16: whether matrix products are in bfloat16.
    :param optimizer: the name that transformers has for the optimizer.
    """

    name: str
    bf16: bool
    optimizer: str

    @classmethod
    def choose(cls, settings: Settings, reporter: Reporter) -> Self:
        """The best device of this machine; the person is told of what it cannot do."""
        if torch.cuda.is_available():
            wanted = settings.bf16 in (True, "auto")
            return cls("cuda", wanted and torch.cuda.is_bf16_supported(), settings.optimizer)
        # bfloat16 products run a hundred times slower than float32 ones on CPUs without units for them.
        if settings.bf16 is True:
            reporter.notice("bf16: this CPU trains in float32, which is faster here and more exact")
        optimizer = settings.optimizer
        if any(part in optimizer for part in GPU_OPTIMIZERS):
            reporter.notice(f"optimizer: {optimizer} needs a GPU; this CPU trains with adamw_torch")
            optimizer = "adamw_torch"
        return cls("cpu", False, optimizer)

    @property
    def weights(self) -> torch.dtype:
        """The type of frozen weights."""
        return torch.bfloat16 if self.bf16 else torch.float32
