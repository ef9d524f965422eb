"""A driver or a visit in its container: on a mirror of the run, which is kept equal with the volume meanwhile."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ftk.plugin import LOG_FILE, FtkError, files
from ftk_modal.inside import CACHE, OWN, SUPERSEDED, ended_with, unmistakable
from ftk_modal.mirror import Mirror, reload
from ftk_modal.options import Names
from ftk_modal.states import is_working
from ftk_modal.troubles import insist
from ftk_modal.volume import Store

PUSH = 1.0
"""Seconds between two looks at what has changed."""

LOCKS = Path("/ftk/locks")
"""Locks of the cache: those of open files on a volume would keep it from showing what others write."""

DRIVER = f"{OWN}/driver.json"
"""Written by the driver: its call, and how many bytes of its events there were before."""

CLAIMS = f"{OWN}/drivers"
"""A folder with a file for each driver that was called, by its call."""

EVENTS = "events/driver.jsonl"

WITHIN = 120.0
"""Seconds that a visit waits for the first word of whoever has called it."""

AT_ONCE = 2
"""The urgency of what is not to wait for a checkpoint."""


@unmistakable()
def drive(run_id: str, arguments: Sequence[str], variables: Mapping[str, str]) -> int:
    """Take a run through its stages; see `ftk.runs.driver`.

    A container that goes on after another one goes on with the run as it is.

    :returns: the driver's exit code.
    """
    work = _Work(run_id, variables)
    begun = work.begin(arguments)
    return SUPERSEDED if begun is None else work.attend("ftk.runs.driver", begun, work.folder / LOG_FILE)


@unmistakable()
def visit(run_id: str, arguments: Sequence[str], variables: Mapping[str, str]) -> int:
    """Do a job beside a run; see `ftk.runs.visit`. Nothing but the scratch folder is changed.

    :param arguments: the job and the scratch folder.
    """
    work = _Work(run_id, variables)
    scratch = arguments[1]
    return work.attend("ftk.runs.visit", arguments, work.folder / scratch / "output.txt", scratch=f"{scratch}/")


class _Work:
    """One call of a Function."""

    def __init__(self, run_id: str, variables: Mapping[str, str]) -> None:
        import modal

        os.environ.update(variables)
        names = Names.find()
        self.call = modal.current_function_call_id() or ""
        self.mirror = Mirror(Store(names.runs), run_id)
        self.folder = self.mirror.folder
        self._path = f"{run_id}/"
        files.make_folder(LOCKS)
        if not Path(CACHE, "locks").is_symlink():
            files.refer(Path(CACHE, "locks"), LOCKS)
        reload(self.mirror.store)
        reload(Store(names.cache))
        self.mirror.pull()

    def begin(self, arguments: Sequence[str]) -> Sequence[str] | None:
        """The driver's arguments; None while another one works on the run."""
        before = insist(lambda: self._read(DRIVER))
        events = self.folder / EVENTS
        content = events.read_bytes() if events.exists() else b""
        if before.get("call") == self.call:
            # What was asked to be done again has been taken back already.
            return _without_from(arguments) if b'"run_started"' in content[before["events"] :] else arguments
        if not self._is_chosen():
            return None
        record = {"call": self.call, "events": len(content)}
        insist(lambda: self._write(DRIVER, record))
        return arguments

    def _is_chosen(self) -> bool:
        """Whether this driver is to begin, of all that were called at the same time.

        Each one leaves its name before it looks for those of others, so that of two at least one sees the other. It
        gives way to one that has begun and to one whose name comes first, and waits until no other is left.
        """
        insist(lambda: self._write(f"{CLAIMS}/{self.call}", {}))
        while others := insist(self._others):
            if min(others) < self.call or insist(lambda: self._read(DRIVER)).get("call") in others:
                return False
            time.sleep(PUSH)
        return True

    def _others(self) -> list[str]:
        """The calls of other drivers that work."""
        entries = self.mirror.store.entries(f"{self._path}{CLAIMS}")
        known = {entry.name for entry in entries} | {self._read(DRIVER).get("call")}
        return [call for call in known if call and call != self.call and is_working(call)]

    def attend(self, module: str, arguments: Sequence[str], log: Path, scratch: str = "") -> int:
        """Start the process and wait for it.

        :param scratch: the only folder in which anything is changed, with a slash at its end; else that is the run.
        """
        argv = [sys.executable, "-P", "-m", module, str(self.folder), CACHE, *arguments]
        with log.open("ab") as output:
            process = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True
            )
        # Where the container is taken away, a driver leaves what works to that in the next one, and says nothing of an
        # end; a visit ends its work, since whoever waits for it may be gone.
        try:
            with ended_with(process, signal.SIGTERM if scratch else signal.SIGKILL):
                return self._watched(process, scratch)
        finally:
            self.mirror.push(scratch)
            Store(Names.find().cache).volume.commit()

    def _watched(self, process: "subprocess.Popen[bytes]", scratch: str) -> int:
        asked = 0
        known, heard = Wish(self.call), time.monotonic()
        while True:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(PUSH)
            with suppress(OSError, RuntimeError, FtkError):  # the next time will do
                self.mirror.push(scratch)
            with suppress(OSError, FtkError):
                wish = self._wish(scratch)
                if wish != known:
                    known, heard = wish, time.monotonic()
                is_left = bool(scratch) and time.monotonic() - heard > wish.within
                if (urgency := max(wish.urgency, is_left)) > asked:
                    asked = urgency
                    # As `ftk.runs.driver` takes them: stop after a checkpoint, or at once.
                    process.send_signal(signal.SIGINT if asked == AT_ONCE else signal.SIGTERM)

    def _wish(self, scratch: str) -> "Wish":
        found = self._read(wish_path(scratch))
        return Wish(**found) if found.get("call") == self.call else Wish(self.call)

    def _read(self, path: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self.mirror.store.read(self._path + path))
        except FileNotFoundError:
            return {}
        return found

    def _write(self, path: str, value: Mapping[str, Any]) -> None:
        self.mirror.store.write({self._path + path: json.dumps(value).encode()})


@dataclass(frozen=True)
class Wish:
    """What whoever waits for a driver or a visit wants of it.

    :param call: the call that is meant.
    :param urgency: 0 to go on, 1 to stop after a checkpoint, `AT_ONCE`.
    :param beat: another number each time that it is written, as long as somebody waits for a visit.
    :param within: seconds within which a visit is to see another number.
    """

    call: str
    urgency: int = 0
    beat: int = 0
    within: float = WITHIN

    def content(self) -> bytes:
        """What its file holds."""
        return json.dumps(asdict(self)).encode()


def wish_path(scratch: str = "") -> str:
    """The file with the wish for the driver, or for the visit with this scratch folder."""
    return f"{OWN}/{scratch}driver.wish"


def _without_from(arguments: Sequence[str]) -> list[str]:
    kept = list(arguments)
    if "--from" in kept:
        place = kept.index("--from")
        del kept[place : place + 2]
    return kept
