"""Commands executed by calls of Functions: none is made twice, whatever happens to the driver in between.

What is to be done is recorded before the call is made, and its id after it; the executor records its own id when it
begins, and leaves if what is recorded is not what it was called for.
"""

import json
import secrets
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ftk.plugin import LOG_FILE, Cancelled, FtkError, files
from ftk_modal.inside import GRACE, OWN, SUPERSEDED
from ftk_modal.mirror import Mirror
from ftk_modal.pace import Pace
from ftk_modal.states import CallFailed, is_working, result_of
from ftk_modal.troubles import PATIENCE, Patience, insist, told
from ftk_modal.volume import Entry

if TYPE_CHECKING:
    import modal

POLL = 1.0
"""Seconds between two looks at what a command has written."""

HEARD = "heard.json"
"""In the mirrored folder: how much of a command's output is in the log."""


@dataclass(frozen=True)
class Work:
    """A command as the executor gets it.

    :param argv: with the paths of the container.
    :param variables: environment variables.
    :param path: the folder of its interpreter, where that is not Modal's own.
    :param events: the run's file in which it reports.
    :param timeout: seconds that it may take in all.
    :param volumes: those that it writes to, by name.
    """

    argv: tuple[str, ...]
    variables: Mapping[str, str]
    path: str | None
    events: str
    timeout: float | None
    volumes: tuple[str, ...]

    @property
    def folder(self) -> str:
        """Where its call is recorded: for a visit, apart from what belongs to the driver."""
        parent = PurePosixPath(self.events).parent.as_posix()
        return OWN if parent == "events" else f"{OWN}/{parent}"

    @property
    def record(self) -> str:
        """The file that says who does it."""
        digest = files.sha256_of([self.argv, dict(self.variables)])[:16]
        return f"{self.folder}/{digest}.json"

    def sibling(self, ending: str) -> str:
        """A file beside the record: `.started` and `.stop` are told in `inside`, `.txt` is the output."""
        return self.record.removesuffix(".json") + ending

    def order(self, run_id: str, token: str) -> dict[str, Any]:
        """The argument of `inside.execute`."""
        return {
            "run": run_id,
            "record": self.record,
            "token": token,
            "argv": self.argv,
            "variables": dict(self.variables),
            "path": self.path,
            "events": self.events,
            "output": self.sibling(".txt"),
            "volumes": self.volumes,
        }


class Caller:
    """Executes commands for one run.

    :param mirror: the run.
    """

    def __init__(self, mirror: Mirror) -> None:
        self.mirror = mirror
        self.store = mirror.store

    def execute(self, function: "modal.Function[..., Any, Any]", work: Work) -> int:
        """Have a command executed and wait for it; see `Backend.execute`.

        :param function: the executor, with its secrets.
        """
        record = insist(lambda: self._read(work.record)) or _new_record(work)
        call = insist(lambda: self._going_on(work, record))
        if call is None:
            record = _new_record(work)
            call = self._begun(function, work, record)
        watch = _Watch(self.mirror, work, record["events"])
        try:
            code = self._wait(call, watch, record["since"] + work.timeout if work.timeout else None)
        except Cancelled as request:
            self._stop(call, watch, request)
            raise
        except TimeoutError:
            self._stop(call, watch, Cancelled(now=False))
            raise FtkError(
                f"the command took longer than the {work.timeout:g} seconds of ftk.resources.timeout",
                "its last checkpoint is kept: raise the timeout with --set ftk.resources.timeout=... and --resume",
            ) from None
        except CallFailed:
            self._end(work, watch)  # so that it is not taken for one to go on with
            raise
        self._end(work, watch)
        return code

    def _read(self, path: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads(self.store.read(f"{self.mirror.run_id}/{path}"))
        except FileNotFoundError:
            return None
        return found

    def _write(self, path: str, value: Mapping[str, Any]) -> None:
        self.store.write({f"{self.mirror.run_id}/{path}": json.dumps(value).encode()})

    def _going_on(self, work: Work, record: Mapping[str, Any]) -> "modal.FunctionCall[int] | None":
        """The call that an earlier driver has made, whether it still works or has ended."""
        import modal

        started = self._read(work.sibling(".started")) or {}
        began = started.get("call") if started.get("token") == record["token"] else None
        call = record["call"] or began
        return modal.FunctionCall.from_id(call) if call else None

    def _begun(
        self, function: "modal.Function[..., Any, Any]", work: Work, record: Mapping[str, Any]
    ) -> "modal.FunctionCall[int]":
        with held_back(), told():
            self._write(work.record, record)
            call: modal.FunctionCall[int] = function.spawn(work.order(self.mirror.run_id, record["token"]))
            insist(lambda: self._write(work.record, {**record, "call": call.object_id}))
        return call

    def _wait(self, call: "modal.FunctionCall[int]", watch: "_Watch", until: float | None) -> int:
        patience = Patience(PATIENCE)
        while until is None or time.time() < until:
            with patience.bearing():  # the command works on, whatever cannot be asked or fetched
                code = result_of(call, POLL)
                if code == SUPERSEDED:
                    raise FtkError("another driver has begun the same command", "`ftk attach` shows it")
                if code is not None:
                    return code
                watch.look()
        raise TimeoutError

    def _stop(self, call: "modal.FunctionCall[int]", watch: "_Watch", request: Cancelled) -> None:
        """End the command in order, or at once. What is recorded of it stays until Modal says that it is gone."""
        try:
            if request.now:
                raise request
            insist(lambda: self._write(watch.work.sibling(".stop"), {}))
            self._wait(call, watch, time.time() + GRACE)
        except (Cancelled, TimeoutError):
            insist(lambda: _cancel(call))
            while insist(lambda: is_working(call.object_id)):
                time.sleep(POLL)
        except CallFailed:
            pass  # it is gone, by whatever end
        with held_back():
            self._end(watch.work, watch)

    def _end(self, work: Work, watch: "_Watch") -> None:
        insist(watch.end)
        self.mirror.pull()
        for ending in (".json", ".started", ".stop", ".txt"):
            path = f"{self.mirror.run_id}/{work.sibling(ending)}"
            insist(lambda path=path: self.store.remove(path))  # type: ignore[misc]


def _cancel(call: "modal.FunctionCall[int]") -> None:
    with told():
        call.cancel(terminate_containers=True)


def _new_record(work: Work) -> dict[str, Any]:
    return {"token": secrets.token_hex(8), "call": None, "since": time.time(), "events": work.events}


class _Watch:
    """Brings what a command reports and prints into the mirrored folder while it works.

    :param events: where it reports, which an earlier driver may have said.
    """

    def __init__(self, mirror: Mirror, work: Work, events: str) -> None:
        self.mirror = mirror
        self.work = work
        self.events = events
        self._sizes: dict[str, int] = {}
        self._pace = Pace()

    def look(self) -> None:
        """Fetch what is new, of large files not each time."""
        self._look_at(self.events, lambda entry: self.mirror.pull_text(self.events, entry))
        self._look_at(self.work.sibling(".txt"), lambda entry: self._hear())

    def _look_at(self, path: str, fetch: Callable[[Entry], None]) -> None:
        folder, _, name = f"{self.mirror.run_id}/{path}".rpartition("/")
        entry = next((item for item in self.mirror.store.entries(folder) if item.name == name), None)
        if entry is not None and entry.size != self._sizes.get(path) and self._pace.is_due(path):
            fetch(entry)
            self._sizes[path] = entry.size
            self._pace.fetched(path, entry.size)

    def end(self) -> None:
        """Fetch all that is new, and take the next output for another one's."""
        self._pace.forget()
        self.look()
        path = self.mirror.folder / HEARD
        heard = files.read_json(path) or {}
        if heard.pop(self.work.record, None) is not None:
            files.write_json(path, heard)

    def _hear(self) -> None:
        """Append what the command has printed to the log, which the driver alone writes."""
        path, key = self.mirror.folder / HEARD, self.work.record
        heard = files.read_json(path) or {}
        output = self.mirror.store.read(f"{self.mirror.run_id}/{self.work.sibling('.txt')}")
        with (self.mirror.folder / LOG_FILE).open("ab") as log:
            log.write(output[heard.get(key, 0) :])
        files.write_json(path, {**heard, key: len(output)})


@contextmanager
def held_back() -> Iterator[None]:
    """Keep the signals that ask to stop from the block: an exception in its middle would lose sight of a call."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
