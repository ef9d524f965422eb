"""A logger that writes down all its calls, as a plugin in a single file."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE = '''
"""The logger `recording`."""

import json

from ftk.plugin import Logger, hookimpl


class RecordingLogger(Logger):
    name = "recording"

    def run_started(self, run):
        self.record("run_started", run=run.id)

    def log_metrics(self, values, step, time):
        self.record("log_metrics", values=dict(values), step=step)

    def log_artifact(self, kind, path):
        self.record("log_artifact", kind=kind, name=path.name)

    def run_finished(self, status):
        self.record("run_finished", status=status)

    def record(self, call, **arguments):
        with open({target!r}, "a") as stream:
            stream.write(json.dumps({{"call": call, **arguments}}) + "\\n")


@hookimpl
def loggers():
    return [RecordingLogger()]
'''


@dataclass(frozen=True)
class Recording:
    """What the logger `recording` is told.

    :param plugin: where the plugin is written.
    :param target: where the plugin writes its calls.
    """

    plugin: Path
    target: Path

    @property
    def arguments(self) -> tuple[str, ...]:
        """What is told to `ftk run`, so that the run has this logger."""
        self.plugin.write_text(SOURCE.format(target=str(self.target)), encoding="utf-8")
        return ("--plugin", str(self.plugin), "--logger", self.plugin.stem)

    def calls(self, name: str | None = None) -> list[dict[str, Any]]:
        """The calls so far, each with `call` and its arguments; of one method, if it is named."""
        lines = self.target.read_text(encoding="utf-8").splitlines() if self.target.exists() else []
        return [call for call in map(json.loads, lines) if name in (None, call["call"])]
