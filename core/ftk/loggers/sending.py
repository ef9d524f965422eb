"""Give a logger the events of a run as they come, from its cursor on, and again where it failed."""

import os
import threading
import time
import traceback
from contextlib import AbstractContextManager, nullcontext

from ftk.hooks.loading import reason
from ftk.hooks.overdue import told_after
from ftk.loggers.delivery import Delivery
from ftk.loggers.figures import Figures
from ftk.loggers.logger import LoggedRun, Logger
from ftk.loggers.progress import Progress
from ftk.loggers.queue import OWN_EVENTS, Beside, queued
from ftk.reporter import Reporter
from ftk.runs.events import FOLDER as EVENTS_FOLDER
from ftk.runs.events import Event

POLL = 0.5
"""Seconds between two looks at the events."""

SAVE = 1.0
"""Seconds between two savings of the cursor while there is much to send."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before a call that failed is made again; each time twice as long."""

LAST_TRIES = 3
"""How often a call that fails is made when no more events will come."""


class Sending:
    """The way of a run's events to one logger.

    :param logger: the logger.
    :param run: the run.
    """

    def __init__(self, logger: Logger, run: LoggedRun) -> None:
        self.no_more = threading.Event()
        """To be set when no more events will come."""
        self._name = logger.name
        self._run = run
        self._progress = Progress.read(run.folder, logger.name)
        self._delivery = Delivery(logger, run)
        self._reporter = Reporter(run.folder / EVENTS_FOLDER / f"{OWN_EVENTS}{logger.name}.jsonl")
        self._figures = Figures(os.getppid())
        self._every: float = run.config.ftk["logging"]["system_interval"]
        self._patience: float = run.config.ftk["logging"]["patience"]
        self._was_told = False
        self._measured = self._saved = time.monotonic()
        self._failures = 0
        self._saving = threading.Lock()

    def follow(self) -> int:
        """Send everything until no more comes.

        :returns: 0 when all is sent.
        """
        while True:
            # Asked before the events are read: when no more come, all of them are written.
            last = self.no_more.is_set()
            done = self._attempt(last)
            if last and (done or self._failures >= LAST_TRIES):
                return 0 if done else 1
            self._pause(last)

    def _pause(self, last: bool) -> None:
        if last:
            time.sleep(FIRST_PAUSE)
        elif self._failures:
            self.no_more.wait(min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (self._failures - 1)))
        else:
            self.no_more.wait(POLL)

    def _attempt(self, last: bool) -> bool:
        """Send what there is; whether that went well."""
        try:
            self._send()
            if last:
                self._delivery.close(self._progress.status or "died")
        except (Exception, SystemExit) as error:  # whatever a logger does, the run goes on
            self._fail(error)
            return False
        if self._failures:
            self._failures, self._progress.error = 0, None
            self.save()
        return True

    def _send(self) -> None:
        offsets = dict(self._progress.offsets)
        for item in queued(Beside(self._run.folder.parent), self._run.id, offsets):
            self._deliver(item.event)
            self._progress.offsets[item.file] = item.end
            if time.monotonic() > self._saved + SAVE:
                self.save()
        if self._progress.offsets != offsets:
            self.save()
        if time.monotonic() > self._measured + self._every:
            self._measured = time.monotonic()
            self._delivery.log_figures(self._figures.measure(), time.time())

    def _deliver(self, event: Event) -> None:
        was_open = self._delivery.is_open
        with self._told_when_overdue(event):
            self._delivery.deliver(event)
        match event.kind:
            case "run_started":
                self._progress.status = None
            case "run_ending":
                self._progress.status = event["status"]
        if self._delivery.is_open and not was_open:
            self._progress.link = self._delivery.link
            self._reporter.emit("logger_link", logger=self._name, link=self._delivery.link)

    def _told_when_overdue(self, event: Event) -> AbstractContextManager[None]:
        """Around a call of the logger: say, once in this process, that it does not return."""
        if self._was_told:
            return nullcontext()
        message = (
            f"logger {self._name} has been at one event ({event.kind}) for {self._patience:g} s;"
            " the run goes on, and what is not sent is told at its end"
        )
        return told_after(self._patience, message, self._tell_overdue)

    def _tell_overdue(self, message: str) -> None:
        self._was_told = True
        self._reporter.notice(message)

    def _fail(self, error: BaseException) -> None:
        traceback.print_exception(error)  # for the logger's author, in the logger's own output
        self._failures += 1
        self._progress.error = reason(error)
        if self._failures == 1:
            self._reporter.notice(f"logger {self._name}: {self._progress.error}; it is tried again, the run goes on")
        self.save()

    def save(self) -> None:
        """Keep in the run how far the logger has come. Any thread may call it; one writes at a time."""
        with self._saving:
            self._progress.write(self._run.folder, self._name)
            self._saved = time.monotonic()
