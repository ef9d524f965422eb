"""The best of a training's states: saved when it is seen, and waited for only so long."""

import json
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState

STATE = "trainer_state.json"
"""What a checkpoint knows of the training, beside weights, optimizer and random state."""


class BestCheckpoints(TrainerCallback, ExportableState):
    """Saves each state that is evaluated better than all before, and ends a training that finds none any more.

    How long it has waited is kept in every checkpoint, so that a resume goes on waiting.

    :param patience: evaluations without a better one after which the training ends; None for never.
    """

    def __init__(self, patience: int | None) -> None:
        self.patience = patience
        self.waited = 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Go on waiting where the checkpoint left off."""
        kept: Any = state.stateful_callbacks
        self.waited = kept[type(self).__name__]["attributes"]["waited"]

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> TrainerControl:
        """Compare an evaluation with the best before it; the trainer takes note of the better one after this."""
        value = (metrics or {})[str(args.metric_for_best_model)]
        best = state.best_metric
        better = best is None or (value > best if args.greater_is_better else value < best)
        self.waited = 0 if better else self.waited + 1
        control.should_training_stop |= self.waited_enough
        control.should_save |= better or self.waited_enough
        return control

    @property
    def waited_enough(self) -> bool:
        """Whether the training ends for want of a better state."""
        return self.patience is not None and self.waited >= self.patience

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps; the trainer calls this."""
        return {"args": {"patience": self.patience}, "attributes": {"waited": self.waited}}


def stopped_early(checkpoint: Path) -> bool:
    """Whether a training ended with this checkpoint for want of a better one."""
    kept = json.loads((checkpoint / STATE).read_text())["stateful_callbacks"].get(BestCheckpoints.__name__)
    return bool(kept) and None is not kept["args"]["patience"] <= kept["attributes"]["waited"]


def best_step(checkpoint: Path) -> int:
    """The step of the best state up to a checkpoint; its own, where none was evaluated."""
    state = json.loads((checkpoint / STATE).read_text())
    return int(state["best_global_step"] or state["global_step"])
