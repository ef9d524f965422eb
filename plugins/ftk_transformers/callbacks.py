"""What happens beside the training loop: reporting, marking checkpoints complete, stopping on request."""

import math
import os
import signal
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ftk.reporter import Reporter
from ftk_transformers.checkpoints import checkpoint_at, make_portable, mark_complete, remove_oldest
from ftk_transformers.settings import Settings

STOPPED = 128 + signal.SIGTERM
"""Exit code of a training that was asked to stop, as a shell has it."""

LEARNING: Sequence[str] = ("loss", "grad_norm", "learning_rate")

RECENT = 20
"""Steps from which the speed is estimated."""


class Progress(TrainerCallback):
    """Reports losses and speed, as events and as lines of the log."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self.began = 0.0
        self.tokens = 0
        self.recent: deque[tuple[float, int]] = deque(maxlen=RECENT)
        """Seconds and tokens of the last steps, without the evaluations and checkpoints between them."""

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Start the clock of a step."""
        self.began = time.monotonic()
        self.tokens = state.num_input_tokens_seen

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        """Stop the clock, and have the last step logged even where it is no multiple of logging_steps."""
        self.recent.append((time.monotonic() - self.began, state.num_input_tokens_seen - self.tokens))
        if state.global_step >= state.max_steps:
            control.should_log = True
        return control

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Report a training step or an evaluation; the trainer's own summary at the end says nothing new."""
        logs = logs or {}
        if "loss" in logs:
            self._report_step(state, logs)
        elif "eval_loss" in logs:
            self._emit(state, {"eval_loss": logs["eval_loss"], **_rewards(logs)})
            _print(state, f"eval_loss {logs['eval_loss']:.4f}")

    def _report_step(self, state: TrainerState, logs: dict[str, float]) -> None:
        seconds, tokens = map(sum, zip(*self.recent, strict=True))
        speed = tokens / seconds
        left = (state.max_steps - state.global_step) * seconds / len(self.recent)
        learning = {name: logs[name] for name in LEARNING if name in logs}
        self._emit(state, {**learning, **_rewards(logs), "tokens_per_second": speed, "seconds_left": left})
        _print(state, f"loss {logs['loss']:.4f}  lr {logs['learning_rate']:.3g}  {speed:.0f} tokens/s")
        if not math.isfinite(logs["loss"]):
            self.reporter.notice(f"the training diverged: loss {logs['loss']} at step {state.global_step}")

    def _emit(self, state: TrainerState, values: dict[str, float]) -> None:
        """Emit metrics, without those that JSON has no number for."""
        finite = {name: value for name, value in values.items() if math.isfinite(value)}
        position = {"step": state.global_step, "steps": state.max_steps, "epoch": state.epoch}
        self.reporter.emit("metrics", **position, **finite)


def _rewards(logs: dict[str, float]) -> dict[str, float]:
    """What trainings on preferences say beside the loss, such as `rewards/accuracies`."""
    return {name: value for name, value in logs.items() if name.removeprefix("eval_").startswith("rewards/")}


def _print(state: TrainerState, text: str) -> None:
    print(f"step {state.global_step}/{state.max_steps}  {text}", flush=True)


class Checkpoints(TrainerCallback):
    """Marks each checkpoint complete, and only then removes old ones: there is always one to go on from.

    :param run: the run's folder, to which reported paths are relative.
    :param settings: of the training.
    """

    def __init__(self, reporter: Reporter, run: Path, settings: Settings) -> None:
        self.reporter = reporter
        self.run = run
        self.settings = settings

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        """Have the first step saved, where that is asked for."""
        if self.settings.schedule.save_first_step and state.global_step == 1:
            control.should_save = True
        return control

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Take over the checkpoint that the trainer has just written."""
        output = Path(str(args.output_dir))
        checkpoint = checkpoint_at(output, state.global_step)
        make_portable(checkpoint, self.settings.base_model)
        mark_complete(checkpoint)
        self.reporter.emit("checkpoint", step=state.global_step, path=checkpoint.relative_to(self.run).as_posix())
        best = state.best_global_step if self.settings.schedule.keeps_best else None
        remove_oldest(output, self.settings.reporting.save_total_limit, best)


class StopOnRequest(TrainerCallback):
    """On SIGTERM, ends the training after the current step, with a checkpoint; on a second one, at once."""

    def __init__(self) -> None:
        self.requested = False

    def listen(self) -> None:
        """Take SIGTERM from now on; before, there is nothing that a kill could lose."""
        signal.signal(signal.SIGTERM, self._request)

    def _request(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            os._exit(STOPPED)
        self.requested = True

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        """Stop here if that was asked for."""
        if self.requested:
            control.should_save = True
            control.should_training_stop = True
        return control
