"""Read the events of a run: every terminal view and every logger sees a run through these alone."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ftk.backend import Backend

FOLDER = "events"
DRIVER_FILE = f"{FOLDER}/driver.jsonl"

BEGINNING = "driver_started"
"""The first event of each driver of a run."""

SYNCED = "sync_finished"
"""The last event of a driver that only sent to loggers what they lacked."""

ENDINGS = ("run_finished", "run_refused", SYNCED)
"""The last event of a driver that was not killed; a refused one has changed nothing."""

STATELESS = (BEGINNING, "run_refused", SYNCED)
"""Events of a driver that leave the state of the run as it was."""


@dataclass(frozen=True)
class Event:
    """Something that happened in a run.

    :param time: seconds since 1970.
    :param kind: what happened, such as `stage_started`.
    :param fields: what belongs to it.
    """

    time: float
    kind: str
    fields: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]


def parse_events(content: bytes) -> Iterator[Event]:
    """The events of whole lines; a line that a killed writer left unfinished is passed over."""
    for line in content.split(b"\n")[:-1]:
        try:
            values = json.loads(line)
            yield Event(values.pop("time"), values.pop("kind"), values)
        except (ValueError, KeyError, AttributeError, TypeError):
            continue


class EventReader:
    """Reads all event files of a run, from where it stopped the last time.

    :param backend: where the run lives.
    :param run_id: the run.
    :param folder: where in the run they lie.
    """

    def __init__(self, backend: Backend, run_id: str, folder: str = FOLDER) -> None:
        self._backend = backend
        self._run_id = run_id
        self._folder = folder
        self._offsets: dict[str, int] = {}

    def new(self) -> list[Event]:
        """The events since the last call, ordered by time."""
        found: list[Event] = []
        for name in self._backend.list(self._run_id, self._folder):
            found += self._new_of(f"{self._folder}/{name}")
        return sorted(found, key=lambda event: event.time)

    def _new_of(self, path: str) -> Iterator[Event]:
        try:
            with self._backend.open(self._run_id, path) as stream:
                stream.seek(self._offsets.get(path, 0))
                content = stream.read()
        except FileNotFoundError:
            return iter(())  # it was removed since it was listed
        whole = content[: content.rfind(b"\n") + 1]
        self._offsets[path] = self._offsets.get(path, 0) + len(whole)
        return parse_events(whole)
