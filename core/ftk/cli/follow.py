"""Watch a run through its events until it ends."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from ftk.cli.view import View, make_view
from ftk.errors import FtkError
from ftk.runs.events import BEGINNING, ENDINGS, Event, EventReader
from ftk.runs.record import RunRecord

POLL = 0.2
"""Seconds between two looks at the events."""

LOOKS_PER_CHECK = 10
"""Looks between two checks that somebody still works on the run, which costs more."""


def follow_own(record: RunRecord, before: int) -> int:
    """Watch a run that this command started: Ctrl-C stops it after a checkpoint, a second one at once.

    :param before: how many drivers the run had before.
    """
    presses = 0

    def interrupted() -> None:
        nonlocal presses
        presses += 1
        record.backend.cancel(record.id, now=presses > 1)
        click.echo("\nstopping after a checkpoint; Ctrl-C again stops at once", err=True)

    return _follow(record, before, interrupted)


def follow_other(record: RunRecord) -> int:
    """Watch a run that somebody else started, from its last start on: Ctrl-C lets go of it."""
    drivers, before = 0, 0
    for event in record.events():
        drivers += event.kind == BEGINNING
        before = drivers - 1 if event.kind == "run_started" else before

    def interrupted() -> None:
        raise click.Abort

    return _follow(record, before, interrupted)


def _follow(record: RunRecord, before: int, interrupted: Callable[[], None]) -> int:
    """Show events until the run has ended.

    :returns: the exit code with which it finished.
    :raises FtkError: when it failed, was cancelled or died.
    """
    with noted(signal.SIGINT) as presses, make_view() as view:
        watch = _Watch(record, before, view)
        while not watch.look():
            if presses:
                presses.pop()
                interrupted()
            else:
                time.sleep(POLL)
    return 0


@contextmanager
def noted(*signals: signal.Signals) -> Iterator[list[int]]:
    """A list that grows with each of these signals: as an exception, one would lose what is just being done."""
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in signals}
    # A shell has commands in the background of a script ignore Ctrl-C; that holds.
    for number in [number for number in signals if before[number] != signal.SIG_IGN]:
        signal.signal(number, lambda number, frame: came.append(number))
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Watch:
    """Shows new events at every look."""

    def __init__(self, record: RunRecord, before: int, view: View) -> None:
        self.record = record
        self.before = before
        self.view = view
        self.reader = EventReader(record.backend, record.id)
        self.drivers = 0
        self.looks = 0

    def look(self) -> bool:
        """Show what is new; whether the run has finished well."""
        self.looks += 1
        # Asked before the events are read: whoever is gone by then has written all of them.
        gone = self.looks % LOOKS_PER_CHECK == 0 and self.record.backend.activity(self.record.id) == "idle"
        for event in self.reader.new():
            self.drivers += event.kind == BEGINNING
            if self.drivers > self.before:
                self.view.show(event)
                if event.kind in ENDINGS:
                    return _ended(event)
        if gone:
            raise FtkError(
                f"the driver of {self.record.id} died without a word",
                f"`ftk logs {self.record.id}` may tell why; `ftk run --resume {self.record.id}` goes on",
            )
        return False


def _ended(event: Event) -> bool:
    if event["code"]:
        error = FtkError(event["message"], event["remedy"])
        error.exit_code = event["code"]
        raise error
    return True
