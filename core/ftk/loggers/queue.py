"""The queue of a logger: the events of a run after its cursor, straight from the event files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from pathlib import Path
from typing import BinaryIO, Protocol

from ftk.runs.events import FOLDER, Event, parse_events

OWN_EVENTS = "logger-"
"""Begins the names of the files in which loggers report themselves; those are not logged."""


class RunFiles(Protocol):
    """Where the files of runs are read; every backend is one."""

    def list(self, run_id: str, path: str) -> Sequence[str]:
        """The names in a folder of a run; none where there is no such folder."""
        ...

    def open(self, run_id: str, path: str) -> BinaryIO:
        """A file of a run, to be read."""
        ...


@dataclass(frozen=True)
class Beside:
    """The files of runs on this machine.

    :param runs: the folder of the runs.
    """

    runs: Path

    def list(self, run_id: str, path: str) -> Sequence[str]:
        """The names in a folder of a run."""
        folder = self.runs / run_id / path
        return sorted(item.name for item in folder.iterdir()) if folder.is_dir() else []

    def open(self, run_id: str, path: str) -> BinaryIO:
        """A file of a run."""
        return (self.runs / run_id / path).open("rb")


@dataclass(frozen=True)
class Queued:
    """An event that is not sent yet.

    :param event: the event.
    :param file: the name of its file.
    :param end: the bytes of that file up to the end of the event.
    """

    event: Event
    file: str
    end: int


def queued(runs: RunFiles, run_id: str, offsets: Mapping[str, int]) -> Iterator[Queued]:
    """The events after these offsets, by time; those of one file stay in their order, whatever its clock did."""
    names = [name for name in runs.list(run_id, FOLDER) if not name.startswith(OWN_EVENTS)]
    groups = [_queued_of(runs, run_id, name, offsets.get(name, 0)) for name in names]
    return merge(*groups, key=lambda item: item.event.time)


def _queued_of(runs: RunFiles, run_id: str, name: str, end: int) -> Iterator[Queued]:
    with runs.open(run_id, f"{FOLDER}/{name}") as stream:
        stream.seek(end)
        content = stream.read()
    for line in content.splitlines(keepends=True):
        end += len(line)
        for event in parse_events(line):
            yield Queued(event, name, end)
