"""When a training is evaluated and saved, which of its states is the result, and what is told of it."""

import math
from dataclasses import dataclass

from ftk_transformers.settings.declaring import Group, choice, flag, number, setting, whole


@dataclass(frozen=True)
class Interval:
    """How often something happens.

    :param steps: every so many steps; a share of all steps where it is less than 1; 0 for never.
    :param per_epoch: so many times an epoch; 0 for never.
    :param strategy: `steps`, `epoch`, or `no` (which YAML reads as false) and `best`, which have no interval.
    """

    steps: float | None
    per_epoch: int | None
    strategy: str | bool | None = None

    def in_steps(self, epoch: int, total: int) -> int | None:
        """The interval in steps, None for never. An epoch is the interval where the config says nothing.

        :param epoch: steps of an epoch.
        :param total: steps in all.
        """
        if self.strategy in ("no", False, "best") or 0 in (self.steps, self.per_epoch):
            return None
        if self.steps is not None:
            return math.ceil(self.steps * total) if self.steps < 1 else int(self.steps)
        return math.ceil(epoch / (self.per_epoch or 1))


@dataclass(frozen=True)
class Schedule(Group):
    """Keys of evaluation, checkpoints and the choice among them."""

    save_steps: float | None = number(None, "steps between checkpoints; below 1, a share of all steps", minimum=0)
    saves_per_epoch: int | None = whole(None, 0, "checkpoints an epoch; one, if nothing is said")
    save_strategy: str | bool | None = choice(
        ["steps", "epoch", "best", "no", False, None], None, "the end is always saved; `best`: each best evaluation too"
    )
    save_first_step: bool = flag(False, "a checkpoint after the first step, to see whether saving works")
    eval_steps: float | None = number(None, "steps between evaluations; below 1, a share of all steps", minimum=0)
    evals_per_epoch: int | None = whole(None, 0, "evaluations an epoch; one, if nothing is said")
    eval_strategy: str | bool | None = choice(["steps", "epoch", "no", False, None], None, "`no` evaluates never")
    early_stopping_patience: int | None = whole(None, 1, "stop after so many evaluations without a better one")
    load_best_model_at_end: bool | None = flag(None, "the best checkpoint is the result; true with early stopping")
    metric_for_best_model: str | None = setting(["string", "null"], None, "what is compared; `loss` if empty")
    greater_is_better: bool | None = flag(None, "for other metrics than losses")
    resume_from_checkpoint: str | None = setting(["string", "null"], None, "refused: `ftk run --resume` finds it")
    auto_resume_from_checkpoints: bool | None = flag(None, "true: ftk always does that")
    save_only_model: bool = flag(False, "refused: no training could go on from such a checkpoint")
    save_safetensors: bool = flag(True, "there is no other form")

    @property
    def save(self) -> Interval:
        """When checkpoints are written."""
        return Interval(self.save_steps, self.saves_per_epoch, self.save_strategy)

    @property
    def evaluate(self) -> Interval:
        """When the held-out rows are looked at."""
        return Interval(self.eval_steps, self.evals_per_epoch, self.eval_strategy)

    @property
    def keeps_best(self) -> bool:
        """Whether the best checkpoint is the result, not the last."""
        given = self.load_best_model_at_end
        return given if given is not None else self.early_stopping_patience is not None

    @property
    def tracks_best(self) -> bool:
        """Whether evaluations are compared at all."""
        return self.keeps_best or self.save_strategy == "best"

    @property
    def metric(self) -> str:
        """What says which evaluation is best, as the trainer names it."""
        return f"eval_{(self.metric_for_best_model or 'loss').removeprefix('eval_')}"

    @property
    def greater_wins(self) -> bool:
        """Whether a greater metric is a better one."""
        return self.greater_is_better if self.greater_is_better is not None else not self.metric.endswith("loss")


@dataclass(frozen=True)
class Reporting(Group):
    """Keys that leave the result of a training as it is."""

    logging_steps: int = whole(1, 1, "steps between reports")
    eval_batch_size: int | None = whole(None, 1, "rows of one forward pass; as `micro_batch_size` if empty")
    save_total_limit: int = whole(2, 1, "checkpoints that are kept, beside the best")
    dataloader_num_workers: int = whole(0, 0, "processes that prepare batches")
    dataloader_prefetch_factor: int | None = whole(None, 1, "batches that each of them prepares ahead")
    dataloader_pin_memory: bool | None = flag(None, "page-locked memory, which helps GPUs; there it is the default")
