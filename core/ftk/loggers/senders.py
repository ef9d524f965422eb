"""The processes of a run's loggers, as whoever starts them sees them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ftk import files
from ftk.errors import Cancelled
from ftk.loggers.progress import FOLDER, Progress
from ftk.loggers.queue import Beside
from ftk.loggers.sender import OVERDUE
from ftk.loggers.unsent import count_unsent, unsent_text

SENDER = "ftk.loggers.sender"

LATENESS = 10.0
"""Seconds after its limit at which a process that has not ended by itself is killed: some begin late, being nice."""

HARDLY_ANY = 2.0
"""The same where nobody wants to wait."""


class Senders:
    """One process for each logger.

    They hold nothing of the run's lock: a run whose driver is gone is free, whatever its loggers do.

    :param run: the run's folder.
    :param names: the loggers.
    :param drain: seconds that they may go on after the end; None for no limit.
    """

    def __init__(self, run: Path, names: Sequence[str], drain: float | None) -> None:
        self._run = run
        self._drain = drain
        self._processes = {name: self._start(name) for name in names}

    def _start(self, name: str) -> "subprocess.Popen[bytes]":
        limit = [] if self._drain is None else ["--drain", str(self._drain)]
        with (files.make_folder(self._run / FOLDER) / f"{name}.txt").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", SENDER, str(self._run), name, *limit],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def finish(self, now: bool = False) -> dict[str, str]:
        """Let the loggers send what is left.

        :param now: leave them hardly any time for it.
        :returns: what is not sent and why, by the loggers' names.
        """
        left = HARDLY_ANY if now else None if self._drain is None else self._drain + LATENESS
        until = None if left is None else time.monotonic() + left
        try:
            for process in self._processes.values():
                assert process.stdin is not None
                process.stdin.close()
            for process in self._processes.values():
                _wait(process, until)
        except Cancelled:
            pass
        return {name: told for name in self._processes if (told := self._unsent(name))}

    def _unsent(self, name: str) -> str | None:
        code = _end(self._processes[name])
        progress = Progress.read(self._run, name)
        count = count_unsent(Beside(self._run.parent), self._run.name, progress)
        return unsent_text(count, progress.error or self._why(code)) if count else None

    def _why(self, code: int) -> str:
        if code == OVERDUE:
            return f"it took longer than {self._drain:g} s after the end"
        return "it was stopped" if code < 0 else f"its process ended with exit code {code}"


def _wait(process: "subprocess.Popen[bytes]", until: float | None) -> None:
    try:
        process.wait(None if until is None else max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> int:
    """End a process that still works, with all that it has started; its exit code."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()
