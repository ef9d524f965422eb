"""Have a job done beside a run, wherever the run lives; see `ftk.runs.visit`."""

import json
import secrets
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from types import FrameType, MappingProxyType
from typing import TYPE_CHECKING, Any

from ftk import files
from ftk.errors import Cancelled, FtkError, UsageError
from ftk.home import Home
from ftk.runs.create import refuse_stages
from ftk.runs.events import FOLDER as EVENTS_FOLDER
from ftk.runs.events import Event, EventReader
from ftk.runs.opening import changed_record
from ftk.runs.record import RunRecord
from ftk.runs.visit import ATTACHED, FINISHED, REQUEST_FILE, RESULT_FILE, STOP_SIGNALS

if TYPE_CHECKING:
    from ftk.hooks.manager import Manager

POLL = 0.1
"""Seconds between two looks at what is reported."""

Show = Callable[[Event], None]


def visit(
    record: RunRecord,
    job: str,
    inputs: Mapping[str, Any],
    resumable: bool = False,
    show: Show = lambda event: None,
    attached: Mapping[str, bytes] = MappingProxyType({}),
) -> Any:
    """Do a job and give its result; a visit that is stopped leaves nothing, unless it can be gone on with.

    :param record: the run.
    :param job: one of `ftk.runs.visit.JOBS`.
    :param inputs: JSON values for it.
    :param resumable: keep what was done by a visit that ended before its time, for the same job with the same inputs.
    :param show: is given the events of the visit and its commands meanwhile.
    :param attached: the content of files that the job finds in the folder `ATTACHED` of its scratch folder, by name.
    :raises FtkError: what the job ended with.
    """
    request = json.dumps({"inputs": inputs, "resumable": resumable})
    with _scratch(record, job, inputs, resumable) as scratch, stopped_by_signals():
        for name, content in attached.items():
            record.backend.put(record.id, f"{scratch}/{ATTACHED}/{name}", content)
        record.backend.put(record.id, f"{scratch}/{REQUEST_FILE}", request.encode())
        with _watched(record, scratch, show) as seen:
            code = record.backend.visit(record.id, (job, scratch))
        if code:
            raise _failure(record, code, seen, scratch)
        return record.read_json(f"{scratch}/{RESULT_FILE}")


def refuse_visit(record: RunRecord, stages: Sequence[str], manager: "Manager") -> None:
    """Stop where what a visit asks of these stages cannot be done where the run lives.

    :param manager: has the plugin files of the run too.
    :raises UsageError: naming the stage and the remedy.
    """
    refuse_stages(stages, changed_record(record, [], manager), record.backend, manager)


@contextmanager
def _scratch(record: RunRecord, job: str, inputs: Mapping[str, Any], resumable: bool) -> Iterator[str]:
    """Name the scratch folder, of which the block leaves nothing but what a later visit can go on with.

    :raises UsageError: when another call on this machine has the same one.
    """
    name = f"{job}-{_digest(record, inputs) if resumable else secrets.token_hex(8)}"
    # Here and not in the run, which may be elsewhere: so it is held until the folder is gone.
    lock = Home.find().cache / "locks" / f"{record.id}-{name}.lock"
    with files.locked(lock, when_busy=refuse_second) if resumable else nullcontext():
        kept = resumable
        try:
            yield name
            kept = False
        except UsageError:
            kept = False  # it would end in the same way again
            raise
        finally:
            if not kept:
                record.backend.discard(record.id, name)


def refuse_second() -> None:
    """Stop where a call that is kept for a later one is made twice at once.

    :raises UsageError: always.
    """
    raise UsageError("this very call is being answered by another process", "wait for it to end")


def _digest(record: RunRecord, inputs: Mapping[str, Any]) -> str:
    """What makes two visits the same: also the models that the run has made meanwhile."""
    return files.sha256_of([inputs, record.manifests()])[:16]


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Have Ctrl-C and a closed terminal end the visit, which would go on by itself."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Cancelled(now=True)

    # One that is ignored, as by nohup, stays so.
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    before = {number: handler for number, handler in before.items() if handler != signal.SIG_IGN}
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _watched(record: RunRecord, scratch: str, show: Show) -> Iterator[list[Event]]:
    """Show the events of a visit while the block runs, and what is left of them at its end; the block is given all."""
    reader = EventReader(record.backend, record.id, f"{scratch}/{EVENTS_FOLDER}")
    reader.new()  # those of an earlier visit
    seen: list[Event] = []
    troubles: list[Exception] = []
    ended = threading.Event()

    def look() -> None:
        for event in reader.new():
            seen.append(event)
            show(event)

    def watch() -> None:
        try:
            while not ended.wait(POLL):
                look()
        except Exception as error:
            # Such as that nobody reads the output any more: then the visit is not needed either.
            troubles.append(error)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        ended.set()
        watcher.join()
        if troubles:
            raise troubles[0]
        look()


def _failure(record: RunRecord, code: int, seen: list[Event], scratch: str) -> FtkError:
    """What a visit ended with: its own word, or how it was ended without one."""
    if code == Cancelled.exit_code:
        return Cancelled(now=True)
    last = next((event for event in reversed(seen) if event.kind == FINISHED), None)
    if last is None:
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return FtkError(f"the work beside {record.id} {how}", f"`ftk logs {record.id}` may say why")
    kind = UsageError if code == UsageError.exit_code else FtkError
    # A person knows an attached file by its own place.
    return kind(last["message"].replace(f"{scratch}/{ATTACHED}/", ""), last["remedy"])
