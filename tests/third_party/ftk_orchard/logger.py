"""The logger `basket`."""

from collections.abc import Mapping
from pathlib import Path

from ftk.plugin import LoggedRun, Logger


class BasketLogger(Logger):
    """Writes `basket.txt` into the run's folder."""

    name = "basket"

    def run_started(self, run: LoggedRun) -> str:
        """Name the file."""
        self._file = run.folder / "basket.txt"
        return str(self._file)

    def log_metrics(self, values: Mapping[str, float], step: int, time: float) -> None:
        """A line a step."""
        if "train/loss" in values:
            self._put(f"step {step} loss {values['train/loss']:.4f}")

    def log_artifact(self, kind: str, path: Path) -> None:
        """A line a file."""
        self._put(f"{kind} {path.name}")

    def run_finished(self, status: str) -> None:
        """The last line."""
        self._put(status)

    def _put(self, line: str) -> None:
        with self._file.open("a", encoding="utf-8") as stream:
            stream.write(f"{line}\n")
