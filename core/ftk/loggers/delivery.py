"""What a logger is told of an event of its run."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ftk.artifacts import Artifact
from ftk.config.resolved import RESOLVED_FILE
from ftk.loggers.logger import LoggedRun, Logger
from ftk.runs.create import CONFIG_FILE
from ftk.runs.evaluation import SAMPLES_FILE
from ftk.runs.events import Event
from ftk.runs.pipeline import SUMMARY_FILE

KINDS = ("run_started", "metrics", "checkpoint", "stage_finished", "run_ending")
"""The kinds of events that loggers are told of."""

_POSITION = ("step", "steps", "seconds_left")
"""Fields of a `metrics` event that are no measurement."""


class Delivery:
    """Calls one logger for the events of one run.

    :param logger: the logger.
    :param run: the run.
    """

    def __init__(self, logger: Logger, run: LoggedRun) -> None:
        self.link: str | None = None
        self.step = 0
        self.is_open = False
        self._logger = logger
        self._run = run

    def deliver(self, event: Event) -> None:
        """Tell the logger of one event; of the run itself before the first one."""
        if event.kind not in KINDS:
            return
        if not self.is_open:
            self._open()
        match event.kind:
            case "metrics":
                self.step = event["step"]
                self._logger.log_metrics(named_metrics(event.fields), self.step, event.time)
            case "checkpoint":
                self._log_artifact("checkpoint", self._run.folder / event["path"])
            case "stage_finished":
                self._deliver_result(event)
            case "run_ending":
                self.close(event["status"])

    def log_figures(self, values: Mapping[str, float], time: float) -> None:
        """Log figures of the machine, while the logger is open."""
        if self.is_open:
            self._logger.log_metrics(values, self.step, time)

    def close(self, status: str) -> None:
        """Tell the logger that the run has ended, if it was told of it."""
        if self.is_open:
            self._logger.run_finished(status)
            self.is_open = False

    def _open(self) -> None:
        self.link = self._logger.run_started(self._run)
        self.is_open = True
        for name in (CONFIG_FILE, RESOLVED_FILE):
            self._log_artifact("config", self._run.folder / name)

    def _deliver_result(self, event: Event) -> None:
        """Log what a stage has made that a person wants to see elsewhere."""
        result = event.fields.get("result") or {}
        match event["stage"]:
            case "stage_data":
                self._log_artifact("samples", self._in_run(result["folder"]) / SAMPLES_FILE)
            case "train":
                self._log_artifact("model", self._in_run(result["folder"]))
            case "evaluate":
                self._log_scores(self._run.folder / SUMMARY_FILE, event.time)

    def _in_run(self, artifact: str) -> Path:
        return self._run.folder / Artifact.parse(artifact).path

    def _log_scores(self, summary: Path, time: float) -> None:
        if summary.exists():
            scores = json.loads(summary.read_text(encoding="utf-8"))["scores"]
            self._logger.log_metrics(dict(_named_scores(scores)), self.step, time)
            self._log_artifact("summary", summary)

    def _log_artifact(self, kind: str, path: Path) -> None:
        # Old checkpoints are removed while a training goes on.
        if path.exists():
            self._logger.log_artifact(kind, path)


def named_metrics(fields: Mapping[str, Any]) -> dict[str, float]:
    """The measurements of a `metrics` event by the names that people of this field expect, such as `train/loss`."""
    return {
        name.replace("eval_", "eval/", 1) if name.startswith("eval_") else f"train/{name}": value
        for name, value in fields.items()
        if name not in _POSITION and isinstance(value, (int, float))
    }


def _named_scores(scores: list[Mapping[str, Any]]) -> Iterator[tuple[str, float]]:
    """The shares of exact matches: `eval/exact_match` of the tuned model, `eval/exact_match_base` of the base."""
    for score in scores:
        yield f"{score['split']}/exact_match", score["tuned"] / score["rows"]
        yield f"{score['split']}/exact_match_base", score["base"] / score["rows"]
