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


def follow_own(record: RunRecord, before: int, again: str = "run --resume") -> None:
    """Watch a run that this command started: Ctrl-C stops it after a checkpoint, a second one at once.

    :param before: how many drivers the run had before.
    :param again: the command that goes on where a driver died.
    :raises FtkError: when it failed, was cancelled or died.
    """
    presses = 0

    def interrupted() -> None:
        nonlocal presses
        presses += 1
        record.backend.cancel(record.id, now=presses > 1)
        click.echo("\nstopping after a checkpoint; Ctrl-C again stops at once", err=True)

    _follow(_Watch(record, before, again), interrupted)


def follow_other(record: RunRecord) -> None:
    """Watch a run that somebody else started, from its last start on: Ctrl-C lets go of it.

    :raises FtkError: when it failed, was cancelled or died.
    """
    drivers, before = 0, 0
    for event in record.events():
        drivers += event.kind == BEGINNING
        before = drivers - 1 if event.kind == "run_started" else before

    def interrupted() -> None:
        raise click.Abort

    _follow(_Watch(record, before), interrupted)


def _follow(watch: "_Watch", interrupted: Callable[[], None]) -> None:
    """Show events until the run has ended."""
    with noted(signal.SIGINT) as presses, make_view() as view:
        while not watch.look(view):
            if presses:
                presses.pop()
                interrupted()
            else:
                time.sleep(POLL)


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
    """Shows new events at every look; the parameters are those of `follow_own`."""

    def __init__(self, record: RunRecord, before: int, again: str = "run --resume") -> None:
        self.record = record
        self.before = before
        self.again = again
        self.reader = EventReader(record.backend, record.id)
        self.drivers = 0
        self.looks = 0

    def look(self, view: View) -> bool:
        """Show what is new; whether the run has finished well."""
        self.looks += 1
        # Asked before the events are read: whoever is gone by then has written all of them.
        gone = self.looks % LOOKS_PER_CHECK == 0 and self.record.backend.activity(self.record.id) == "idle"
        for event in self.reader.new():
            self.drivers += event.kind == BEGINNING
            if self.drivers > self.before:
                view.show(event)
                if event.kind in ENDINGS:
                    return _ended(event)
        if gone:
            raise FtkError(
                f"the driver of {self.record.id} died without a word",
                f"`ftk logs {self.record.id}` may tell why; `ftk {self.again} {self.record.id}` goes on",
            )
        return False


def _ended(event: Event) -> bool:
    if event["code"]:
        error = FtkError(event["message"], event["remedy"])
        error.exit_code = event["code"]
        raise error
    return True
