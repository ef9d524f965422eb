"""Loggers that go wrong, each in a way of its own, beside one that writes down how it is called."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import sleep
from typing import Any

from ftk.plugin import LoggedRun, Logger, hookimpl


class Recording(Logger):
    """Writes its calls into the run."""

    name = "recording"

    def run_started(self, run: LoggedRun) -> str:
        self.file = run.folder / f"{self.name}.jsonl"
        self._write("run_started", run.id, run.parameters()["max_steps"])
        return f"file://{self.file}"

    def log_metrics(self, values: Mapping[str, float], step: int, time: float) -> None:
        self._write("log_metrics", step, sorted(values))

    def log_artifact(self, kind: str, path: Path) -> None:
        self._write("log_artifact", kind, path.name)

    def run_finished(self, status: str) -> None:
        self._write("run_finished", status)

    def _write(self, *call: Any) -> None:
        with self.file.open("a") as stream:
            stream.write(json.dumps(call) + "\n")


class Raising(Recording):
    """Raises at metrics, until a file `mended` lies in the run."""

    name = "raising"

    def log_metrics(self, values: Mapping[str, float], step: int, time: float) -> None:
        if not self.file.with_name("mended").exists():
            raise ConnectionError("the server is away")
        super().log_metrics(values, step, time)


class Hanging(Recording):
    """Never comes back from metrics."""

    name = "hanging"

    def log_metrics(self, values: Mapping[str, float], step: int, time: float) -> None:
        sleep(3600)


class Sleeping(Recording):
    """Takes five seconds for each call."""

    name = "sleeping"

    def log_metrics(self, values: Mapping[str, float], step: int, time: float) -> None:
        sleep(5)
        super().log_metrics(values, step, time)


class Exiting(Recording):
    """Ends its process as soon as it is called."""

    name = "exiting"

    def run_started(self, run: LoggedRun) -> str:
        os._exit(3)


class Quitting(Recording):
    """Ends as a script does."""

    name = "quitting"

    def run_started(self, run: LoggedRun) -> str:
        sys.exit("no licence")


class Missing(Recording):
    """Needs what nobody has."""

    name = "missing"
    modules = ("no_such_library",)
    remedy = "`pip install no-such-library`"


@hookimpl
def loggers() -> Sequence[Logger]:
    """All of them."""
    return [Recording(), Raising(), Hanging(), Sleeping(), Exiting(), Quitting(), Missing()]
