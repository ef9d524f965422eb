"""The learning rate's course over the steps."""

from collections.abc import Callable
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR
from transformers import get_scheduler

from ftk_transformers.command import CommandError
from ftk_transformers.settings.optimization import Optimization


def create_scheduler(optimizer: Optimizer, settings: Optimization, steps: int) -> LRScheduler:
    """The scheduler that the settings ask for.

    :param steps: of the whole training.
    :raises CommandError: when its arguments do not fit.
    """
    try:
        return _create(optimizer, settings, steps, dict(settings.lr_scheduler_kwargs or {}))
    except (TypeError, ValueError) as error:
        raise CommandError(f"lr_scheduler {settings.lr_scheduler}, lr_scheduler_kwargs: {error}") from error


def _create(optimizer: Optimizer, settings: Optimization, steps: int, options: dict[str, Any]) -> LRScheduler:
    name, warmup, floor = settings.lr_scheduler, settings.warmup(steps), settings.cosine_min_lr_ratio
    if name == "rex":
        return LambdaLR(optimizer, _rex(steps, warmup, floor or 0.0))
    if name == "one_cycle":
        rates = [group["lr"] for group in optimizer.param_groups]
        # Torch counts the state before the first step, and needs one step at least to rise.
        share = (max(warmup, 1) + 1) / (steps + 1)
        return OneCycleLR(optimizer, rates, steps + 1, **{"pct_start": share, **options})
    if name == "cosine" and floor is not None:
        name, options = "cosine_with_min_lr", {"min_lr_rate": floor, **options}
    scheduler: LRScheduler = get_scheduler(name, optimizer, warmup, steps, scheduler_specific_kwargs=options)
    return scheduler


def _rex(steps: int, warmup: int, floor: float) -> Callable[[int], float]:
    """The reflected exponential course (https://arxiv.org/abs/2107.04197) from 1 to `floor`, after a linear rise."""

    def factor(step: int) -> float:
        if step < warmup:
            return step / warmup
        left = max(steps - step, 0) / max(steps - warmup, 1)
        return floor + (1 - floor) * left / (0.1 + 0.9 * left)

    return factor
