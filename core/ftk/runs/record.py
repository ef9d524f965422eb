"""A run seen from outside, wherever it lives: its state, its events, its files."""

import json
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal, cast

from ftk import files
from ftk.backend import Backend
from ftk.config.resolved import RESOLVED_FILE, Config, load_resolved
from ftk.errors import UsageError
from ftk.hooks.loading import PluginFile
from ftk.hooks.stages import RUN_STAGES
from ftk.runs.events import DRIVER_FILE, STATELESS, Event, EventReader, parse_events
from ftk.runs.given import PUT_BACK
from ftk.runs.manifest import Manifest
from ftk.runs.names import LATEST, name_in
from ftk.runs.pipeline import EVALUATIONS_FOLDER, STAGES_FOLDER, SUMMARY_FILE

State = Literal["created", "running", "orphaned", "finished", "failed", "cancelled", "died"]
"""`died`: its driver is gone and left no word; `orphaned`: so too, but a command of its still works."""

LAST = 64_000
"""Bytes at the end of the driver's events in which the last one that counts stands."""


@dataclass(frozen=True)
class RunRecord:
    """One run of a backend.

    :param backend: where it lives.
    :param id: its name.
    """

    backend: Backend
    id: str

    def state(self) -> State:
        """What has become of the run, or who works on it."""
        last = self._last_event()
        if last is not None and last.kind == "run_finished":
            # A driver that goes on with a run writes `run_started` first, so this is the newest word.
            return cast(State, last["status"])
        activity = self.backend.activity(self.id)
        if activity == "working":
            return "running"
        if activity == "orphaned":
            return "orphaned"
        return "created" if last is None else "died"

    def _last_event(self) -> Event | None:
        try:
            with self.backend.open(self.id, DRIVER_FILE) as stream:
                size = stream.seek(0, 2)
                stream.seek(max(0, size - LAST))
                events = [event for event in parse_events(stream.read()) if event.kind not in STATELESS]
        except FileNotFoundError:
            return None
        return events[-1] if events else None

    def events(self) -> list[Event]:
        """All events so far, ordered by time."""
        return EventReader(self.backend, self.id).new()

    def config(self) -> Config:
        """The config that really ran."""
        with self.backend.open(self.id, RESOLVED_FILE) as stream:
            return load_resolved(stream.read(), self.backend.describe(self.id, RESOLVED_FILE))

    def plugin_files(self) -> list[PluginFile]:
        """The plugins in single files that the run keeps.

        :raises UsageError: when one is gone.
        """
        return [self._plugin_file(path) for path in self.config().ftk.get("plugins", ())]

    def _plugin_file(self, path: str) -> PluginFile:
        place = self.backend.describe(self.id, path)
        try:
            with self.backend.open(self.id, path) as stream:
                return PluginFile(PurePosixPath(path).stem, stream.read().decode(), place)
        except FileNotFoundError:
            raise UsageError(f"{place} is gone", PUT_BACK) from None

    def read_json(self, path: str) -> Any:
        """The JSON value in a file of the run; None where there is none.

        :raises FtkError: when the file is damaged.
        """
        try:
            with self.backend.open(self.id, path) as stream:
                return json.loads(stream.read())
        except FileNotFoundError:
            return None
        except ValueError:
            raise files.damaged(self.backend.describe(self.id, path)) from None

    def manifests(self) -> dict[str, Any]:
        """What the finished and begun stages wrote down, by stage, in order.

        :raises FtkError: when one is damaged.
        """
        paths = {stage: f"{STAGES_FOLDER}/{stage}.json" for stage in RUN_STAGES}
        found = {stage: values for stage, path in paths.items() if (values := self.read_json(path)) is not None}
        for stage, values in found.items():
            Manifest.parse(stage, values, self.backend.describe(self.id, paths[stage]))
        return found

    def evaluation(self) -> Any:
        """What `ftk eval` found the last time; None where it was never called."""
        names = [name for name in self.backend.list(self.id, EVALUATIONS_FOLDER) if name.endswith(".json")]
        return self.read_json(f"{EVALUATIONS_FOLDER}/{names[-1]}") if names else None

    def summary(self) -> Any:
        """Scores and sample answers; None where the run has none yet."""
        return self.read_json(SUMMARY_FILE)


def find_run(backend: Backend, name: str | None) -> RunRecord:
    """The run of this id or name, or of the only id that starts so; the newest for `latest` and where none is named.

    :raises UsageError: where there is no such run, or several.
    """
    known = backend.runs()
    name = "" if name in (None, LATEST) else name
    exact = [run for run in known if name in (run, name_in(run))]
    matches = exact or [run for run in known if run.startswith(name)]
    if not known:
        raise UsageError(f"there are no runs in {backend.describe('', '')}", "start one: `ftk run CONFIG`")
    if not matches:
        raise UsageError(f"there is no run {name!r} in {backend.describe('', '')}", "`ftk runs` lists them")
    if name and len(matches) > 1:
        raise UsageError(f"{len(matches)} runs begin with {name!r}", f"name one: {', '.join(matches[-3:])}")
    return RunRecord(backend, matches[-1])
