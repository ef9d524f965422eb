"""How far a logger has come in the events of a run; kept in the run, so that it goes on from there."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ftk import files

FOLDER = "loggers"
"""In a run's folder: for each logger `NAME.json`, this progress, and `NAME.txt`, what its process printed."""


@dataclass
class Progress:
    """The cursor of one logger, and what it has told.

    :param offsets: for each event file, the bytes that are sent.
    :param status: how the run ended, if that was sent.
    :param link: where a person finds what was sent.
    :param error: why the last call failed; None after one that did not.
    """

    offsets: dict[str, int] = field(default_factory=dict)
    status: str | None = None
    link: str | None = None
    error: str | None = None

    @classmethod
    def parse(cls, values: Mapping[str, Any] | None) -> "Progress":
        """The progress that a file holds; none at all where there is no file."""
        return cls(**values) if values else cls()

    @classmethod
    def read(cls, run: Path, name: str) -> "Progress":
        """The progress of a logger in the run of this folder."""
        return cls.parse(files.read_json(run / FOLDER / f"{name}.json"))

    def write(self, run: Path, name: str) -> None:
        """Keep it in the run of this folder."""
        files.write_json(run / FOLDER / f"{name}.json", asdict(self))
