"""ftk's plugin for axolotl's own evaluation: keeps the loss of each row.

This file runs in axolotl's interpreter, which has no ftk: beside it lie only `ftk_in_axolotl` and ftk's reporter.
"""

import json
import os
from pathlib import Path
from typing import Any

import ftk_in_axolotl  # type: ignore[import-not-found]
from transformers import TrainerCallback

UNTRAINED = -100
"""Label of a token that carries no loss."""


class Plugin(ftk_in_axolotl.Plugin):  # type: ignore[misc]
    """What axolotl calls where it evaluates."""

    def add_callbacks_post_trainer(self, cfg: Any, trainer: Any) -> list[TrainerCallback]:
        """When all is ready: look at what the trainer computes."""
        scores = Scores(trainer, Path(os.environ["FTK_SCORES"]))
        trainer.prediction_step, trainer.evaluate = scores.prediction_step, scores.evaluate
        return []


class Scores:
    """The losses of the rows of an evaluation.

    :param trainer: computes them, one row at a time.
    :param target: the file to write.
    """

    def __init__(self, trainer: Any, target: Path) -> None:
        self._step, self._evaluate = trainer.prediction_step, trainer.evaluate
        self._target = target
        self._lines: list[str] | None = None
        self._rows = 0

    def evaluate(self, dataset: Any, metric_key_prefix: str) -> Any:
        """Evaluate; axolotl does so with the rows to train on too, which nobody asked for."""
        if metric_key_prefix != "eval":
            return self._evaluate(dataset, metric_key_prefix=metric_key_prefix)
        self._lines, self._rows = [], len(dataset)
        metrics = self._evaluate(dataset, metric_key_prefix=metric_key_prefix)
        self._target.write_text("".join(self._lines))
        return metrics

    def prediction_step(self, model: Any, inputs: Any, *arguments: Any, **options: Any) -> Any:
        """Compute a row; its loss is the mean over its trained tokens."""
        # No token predicts the first one.
        tokens = int((inputs["labels"][..., 1:] != UNTRAINED).sum())
        result = self._step(model, inputs, *arguments, **options)
        if self._lines is not None:
            self._lines.append(json.dumps({"loss": float(result[0]) * tokens, "tokens": tokens}) + "\n")
            ftk_in_axolotl.REPORTER.emit("scoring", done=len(self._lines), of=self._rows)
        return result
