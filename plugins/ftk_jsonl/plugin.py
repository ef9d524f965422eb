"""The logger `jsonl`."""

import json
from collections.abc import Mapping, Sequence

from ftk.plugin import LoggedRun, Logger, hookimpl
from ftk.reporter import append_line

FILE = "metrics.jsonl"


class JsonLines(Logger):
    """Writes `metrics.jsonl` into the run: one line for each measurement, with `step`, `time` and the numbers."""

    name = "jsonl"

    def run_started(self, run: LoggedRun) -> str:
        """Look up what is in the file, which is not written a second time."""
        self._path = run.folder / FILE
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []
        self._written = set(lines)
        return str(self._path)

    def log_metrics(self, values: Mapping[str, float], step: int, time: float) -> None:
        """Append a line."""
        line = json.dumps({"step": step, "time": time, **values})
        if line not in self._written:
            append_line(self._path, line)


@hookimpl
def loggers() -> Sequence[Logger]:
    """The logger of this plugin."""
    return [JsonLines()]
