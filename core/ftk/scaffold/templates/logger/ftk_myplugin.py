"""A logger for ftk: writes a line of text for each step of a training."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ftk.plugin import LoggedRun, Logger, hookimpl


class MypluginLogger(Logger):
    """Writes `myplugin.txt` into the run's folder; put your service's calls in place of that."""

    name = "myplugin"

    def run_started(self, run: LoggedRun) -> str:
        """Name the file; a run that goes on is written to the same one."""
        self.path = run.folder / "myplugin.txt"
        self._write(f"{run.id} trains {run.parameters()['base_model']}")
        return str(self.path)

    def log_metrics(self, values: Mapping[str, float], step: int, time: float) -> None:
        """Write the values of a step."""
        self._write(f"step {step}: " + ", ".join(f"{name} {value:.6g}" for name, value in values.items()))

    def log_artifact(self, kind: str, path: Path) -> None:
        """Name a file of the run."""
        self._write(f"{kind}: {path.name}")

    def run_finished(self, status: str) -> None:
        """Write how the run ended."""
        self._write(status)

    def _write(self, line: str) -> None:
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(f"{line}\n")


@hookimpl
def loggers() -> Sequence[Logger]:
    """The logger of this plugin."""
    return [MypluginLogger()]
