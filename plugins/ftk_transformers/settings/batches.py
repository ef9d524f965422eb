"""Rows, batches and steps: what is trained in which order, and for how long."""

import math
from dataclasses import dataclass

from ftk_transformers.command import CommandError
from ftk_transformers.settings.declaring import Group, flag, number, setting, whole


@dataclass(frozen=True)
class Batches(Group):
    """Keys that say how rows become steps."""

    micro_batch_size: int = whole(1, 1, "rows of one forward pass")
    gradient_accumulation_steps: int = whole(1, 1, "forward passes of one step")
    batch_size: int | None = whole(None, 1, "rows of one step, in place of `gradient_accumulation_steps`")
    num_epochs: float = number(1, "passes over the rows", exclusiveMinimum=0)
    max_steps: int | None = whole(None, -1, "steps in all, in place of `num_epochs`")
    sequence_len: int = setting("integer", 2048, "tokens that a row may have, and a pack has at most", minimum=8)
    sample_packing: bool = flag(False, "several rows in one sequence, which do not see each other")
    eval_sample_packing: bool | None = flag(None, "the same for held-out rows; as `sample_packing` if empty")
    pad_to_sequence_len: bool = flag(False, "every batch as long as `sequence_len`")
    group_by_length: bool = flag(False, "rows of similar length share a batch")
    curriculum_sampling: bool = flag(False, "keep the order of the data")
    seed: int = whole(42, 0, "of order, dropout and new weights")

    @property
    def accumulation(self) -> int:
        """Forward passes of one step."""
        return self.batch_size // self.micro_batch_size if self.batch_size else self.gradient_accumulation_steps

    @property
    def packs_evaluation(self) -> bool:
        """Whether held-out rows share sequences."""
        return self.sample_packing if self.eval_sample_packing is None else self.eval_sample_packing

    @property
    def rows_per_step(self) -> int:
        """Rows (or packs) that one optimizer step sees."""
        return self.micro_batch_size * self.accumulation

    def steps_per_epoch(self, rows: int) -> int:
        """Optimizer steps in one pass over `rows` rows; the last one may see fewer rows than the others."""
        return math.ceil(rows / self.rows_per_step)

    def total_steps(self, rows: int) -> int:
        """Optimizer steps of the whole training.

        :raises CommandError: when there is nothing to train.
        """
        if rows == 0:
            raise CommandError("nothing to train: the training set has no rows")
        by_epochs = math.ceil(self.num_epochs * self.steps_per_epoch(rows))
        steps = by_epochs if self.max_steps in (None, -1) else self.max_steps
        if not steps:
            raise CommandError("nothing to train: num_epochs and max_steps leave 0 steps")
        return steps
