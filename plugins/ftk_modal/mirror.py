"""The run's folder as driver and visits have it: files of the container, kept equal with those on the volume.

A mounted volume does not show what other containers write while a file of it is open, and loggers have files open all
the time. So they work here; large files of the volume are symbolic links to where it is mounted. Of each file there is
one writer: what changes here is sent, and what a command has changed is fetched when that has ended.
"""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ftk.plugin import LOG_FILE, files
from ftk_modal.inside import OWN, RUNS
from ftk_modal.troubles import Trouble, insist, told
from ftk_modal.volume import Entry, Store

HERE = Path("/ftk/runs")
"""The folder of runs in the container."""

STATE = Path("/ftk/state")

SMALL = 1 << 20
"""Bytes up to which a file is copied; what is appended to is copied in any case."""

GROWING = (".jsonl", ".txt")
"""Endings of files that may be appended to here."""

LARGE = 64 << 20
"""Bytes above which a file counts as data, whatever its ending."""

TRIES = 5

State = dict[str, tuple[int, int]]
"""Size and time of the last change, by path in the run."""

SENT = 0
"""In place of the time on the volume, of a file that was sent from here."""


class Mirror:
    """A run on the volume and its folder here. Every method may be called by several processes.

    :param store: the volume.
    :param run_id: the run.
    """

    def __init__(self, store: Store, run_id: str) -> None:
        self.store = store
        self.run_id = run_id
        self.folder = HERE / run_id
        self._state_file = STATE / f"{run_id}.json"
        self._lock = STATE / f"{run_id}.lock"

    def pull(self) -> None:
        """Fetch what others have changed on the volume."""
        insist(self._pull)

    def _pull(self) -> None:
        with files.locked(self._lock):
            there, here = self._read_state()
            found = dict(self._remote())
            changed = {path: entry for path, entry in found.items() if _is_news(entry, there.get(path))}
            if any(is_linked(path, entry.size) for path, entry in changed.items()):
                _reload(self.store)
            for path, entry in changed.items():
                self._fetch(path, entry)
                here[path] = _seen(self.folder / path)
            for path in set(there) - set(found):
                files.remove(self.folder / path)
                here.pop(path, None)
            self._write_state({path: (entry.size, entry.time) for path, entry in found.items()}, here)

    def pull_text(self, path: str, entry: Entry) -> None:
        """Fetch one file that a command is writing."""
        with files.locked(self._lock):
            there, here = self._read_state()
            files.write_bytes(self.folder / path, self.store.read(f"{self.run_id}/{path}"))
            there[path], here[path] = (entry.size, entry.time), _seen(self.folder / path)
            self._write_state(there, here)

    def push(self, only: str = "") -> None:
        """Send what was changed here.

        :param only: what the paths begin with.
        """
        for number in range(1, TRIES + 1):
            try:
                insist(lambda: self._push(only))
                return
            except (OSError, RuntimeError):  # a file has changed meanwhile
                if number == TRIES:
                    raise
                time.sleep(number)

    def _push(self, only: str) -> None:
        with files.locked(self._lock):
            self._push_locked(only)

    def _push_locked(self, only: str) -> None:
        there, here = self._read_state()
        now = {path: _seen(self.folder / path) for path in self._local() if path.startswith(only)}
        changed = {path: seen for path, seen in now.items() if here.get(path) != seen}
        gone = {path for path in here if path not in now and path.startswith(only)}
        if changed:
            self.store.write({f"{self.run_id}/{path}": _content(self.folder / path) for path in changed})
        # Manifests last, as they went here: what is left of an output must not be taken for one of another config.
        for path in sorted({self._highest_gone(path) for path in gone}, key=lambda path: path.startswith("stages")):
            self.store.remove(f"{self.run_id}/{path}")
        for path in gone:
            del here[path]
            there.pop(path, None)
        sent = {path: (size, SENT) for path, (size, _) in changed.items()}
        self._write_state({**there, **sent}, {**here, **changed})

    def _highest_gone(self, path: str) -> str:
        """The uppermost folder around a file that is gone with it."""
        parts = Path(path).parts
        for length in range(1, len(parts)):
            if not self.folder.joinpath(*parts[:length]).exists():
                return "/".join(parts[:length])
        return path

    def _fetch(self, path: str, entry: Entry) -> None:
        target = self.folder / path
        if is_linked(path, entry.size):
            files.remove(target)
            files.refer(target, Path(RUNS, self.run_id, path))
        else:
            with suppress(FileNotFoundError):  # removed since it was listed
                files.write_bytes(target, self.store.read(f"{self.run_id}/{path}"))

    def _remote(self) -> Iterator[tuple[str, Entry]]:
        for entry in self.store.entries(self.run_id, recursive=True):
            path = entry.path.removeprefix(f"{self.run_id}/")
            if not entry.is_folder and is_mirrored(path):
                yield path, entry

    def _local(self) -> Iterator[str]:
        for item in self.folder.rglob("*"):
            path = item.relative_to(self.folder).as_posix()
            # A link counts also while the mounted volume does not show what it leads to.
            if (item.is_symlink() or item.is_file()) and is_mirrored(path):
                yield path

    def _read_state(self) -> tuple[State, State]:
        kept = files.read_json(self._state_file) or {"there": {}, "here": {}}
        there, here = ({path: (size, at) for path, (size, at) in kept[name].items()} for name in ("there", "here"))
        return there, here

    def _write_state(self, there: State, here: State) -> None:
        files.write_text(self._state_file, json.dumps({"there": there, "here": here}))


def is_mirrored(path: str) -> bool:
    """Whether a path is the run's, and whole: not a record of calls, nor anything that is being written."""
    return not any(part == OWN or part.endswith(files.PARTIAL) for part in path.split("/"))


def is_linked(path: str, size: int) -> bool:
    """Whether a file is only a link to where the volume is mounted, where nobody here may keep it open."""
    if path == LOG_FILE or path.startswith("events/"):
        return False
    return size > (LARGE if path.endswith(GROWING) else SMALL)


def _is_news(entry: Entry, known: tuple[int, int] | None) -> bool:
    return known is None or entry.size != known[0] or known[1] not in (SENT, entry.time)


def _seen(path: Path) -> tuple[int, int]:
    try:
        about = path.lstat()
    except FileNotFoundError:
        return (-1, 0)
    return about.st_size, about.st_mtime_ns


def _content(path: Path) -> Path | bytes:
    """What is sent of a file: a small one is read now, as another may take its place at any time."""
    return path.read_bytes() if path.stat().st_size <= SMALL else path


def reload(store: Store) -> None:
    """Let the mounted volume show what others have committed, as soon as nobody here has a file of it open.

    A logger that sends a large file may have it open for long.
    """
    insist(lambda: _reload(store))


def _reload(store: Store) -> None:
    with told():
        try:
            store.volume.reload()
        except RuntimeError as error:
            raise Trouble(f"the volume {store.name} cannot be brought up to date: {error}") from None
