"""What a logger is: a class whose methods are called for what happens in a run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftk.config.resolved import RESOLVED_FILE, Config, load_resolved
from ftk.config.schema import Schema


@dataclass(frozen=True)
class LoggedRun:
    """A run as a logger sees it.

    :param folder: the run's folder, on this machine.
    :param config: the resolved config.
    """

    folder: Path
    config: Config

    @classmethod
    def open(cls, folder: Path) -> "LoggedRun":
        """The run in this folder."""
        return cls(folder, load_resolved((folder / RESOLVED_FILE).read_bytes(), str(folder / RESOLVED_FILE)))

    @property
    def id(self) -> str:
        """The run's name: with it, a logger finds what it has logged of this run before."""
        return self.folder.name

    def parameters(self) -> dict[str, Any]:
        """The resolved config, flattened: `{"lora_r": 8, "datasets.0.path": "data.jsonl", ...}`."""
        return {".".join(map(str, path)): value for path, value in _flat((), self.config.values)}


class Logger:
    """Writes down what happens in a run: somewhere else, or in another form.

    Everything but `name` may be left out. All methods but `is_wanted` are called in a process of its own, where heavy
    libraries are imported. One that raises is told to the person and called again later with the same arguments; so is
    the last call after a kill: what was logged may come a second time.
    """

    name: str
    """By which a config chooses it; no other logger has it."""

    keys: Mapping[str, Schema] = {}
    """The top-level config keys that it reads, each with its JSON schema, without defaults."""

    modules: tuple[str, ...] = ()
    """What must be importable for it."""

    remedy: str | None = None
    """What to type where one of them is missing."""

    folder: str | None = None
    """The name of the folder of a run that it writes into, which no training may have for its output."""

    def is_wanted(self, config: Mapping[str, Any]) -> bool | None:
        """Whether the keys of a config (or the environment) choose this logger, where `ftk.loggers` is not given.

        :returns: None where they say nothing about it, False where they say no.
        """
        return None

    def run_started(self, run: LoggedRun) -> str | None:
        """Begin, or go on with a run of which this logger has logged a part before.

        :param run: the run; `run.id` names it, `run.parameters()` is what it was started with.
        :returns: where a person finds what is logged: a URL or a path.
        """
        return None

    def log_metrics(self, values: Mapping[str, float], step: int, time: float) -> None:
        """Log numbers.

        :param values: by name, such as `train/loss`, `eval/loss` or `system/cpu_percent`.
        :param step: the training step that they belong to.
        :param time: seconds since 1970.
        """

    def log_artifact(self, kind: str, path: Path) -> None:
        """Log a file or folder.

        :param kind: `config`, `samples`, `summary`, or, of what only some keep, `checkpoint` and `model`.
        :param path: where it lies now; of a folder, the files directly in it count.
        """

    def run_finished(self, status: str) -> None:
        """End, after everything else was logged; the run may go on one day, with `run_started`.

        :param status: `finished`, `failed`, `cancelled` or `died`.
        """


def _flat(path: tuple[str | int, ...], value: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _flat((*path, key), item)
    elif isinstance(value, list) and any(isinstance(item, (Mapping, list)) for item in value):
        for number, item in enumerate(value):
            yield from _flat((*path, number), item)
    else:
        yield path, value
