"""Find and end the processes that work on a run.

They are known by a variable in their environment, which all their children inherit: nothing written down can be wrong
about them after a crash.
"""

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

RUN_VARIABLE = "FTK_RUN"
"""Names the run folder to its driver and all its commands."""

GRACE = 300.0
"""Seconds in which a trainer that was asked to stop may finish its step and write its checkpoint."""

LOOK = 0.2
"""Seconds between two looks for a sign of impatience."""


def workers(folder: Path) -> list[psutil.Process]:
    """The driver and all commands that work on the run in this folder, with their children."""
    return marked(RUN_VARIABLE, str(folder))


def marked(variable: str, value: str) -> list[psutil.Process]:
    """All processes with this variable in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(variable) == value:
                found.append(process)
        except psutil.Error:
            continue
    return found


def is_driver(process: psutil.Process) -> bool:
    """Whether the process drives a run, rather than doing a command's work."""
    try:
        return "ftk.runs.driver" in process.cmdline()[:4]
    except psutil.Error:
        return False


@contextmanager
def held_back(*signals: signal.Signals) -> Iterator[None]:
    """Keep signals from this process, and from those that it starts, while the block runs."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def stop(processes: Sequence[psutil.Process], grace: float) -> None:
    """Ask processes to end, then make them; a SIGINT meanwhile is impatience, and cuts the wait short.

    :param grace: seconds to wait between the two.
    """
    # A signal is answered when all is done: an exception in the middle would leave processes that nobody watches.
    with held_back(signal.SIGTERM, signal.SIGINT):
        for process in _uppermost(processes) if grace else ():
            send(process, signal.SIGTERM)
        alive = list(processes)
        until = time.monotonic() + grace
        while alive and time.monotonic() < until and signal.SIGINT not in signal.sigpending():
            alive = [process for process in psutil.wait_procs(alive, timeout=LOOK)[1] if not _is_dead(process)]
        for process in alive:
            send(process, signal.SIGKILL)
        psutil.wait_procs(alive, timeout=10)


def stop_children(grace: float) -> None:
    """End every process that this one has started, with their children, but for the loggers; see `stop`."""
    found = []
    for child in psutil.Process().children():
        if not _is_logger(child):
            with suppress(psutil.NoSuchProcess):
                found += [child, *child.children(recursive=True)]
    stop(found, grace)


def _is_logger(process: psutil.Process) -> bool:
    """Whether the process logs a run; the driver ends those itself, after everything that they have to log."""
    try:
        return "ftk.loggers.sender" in process.cmdline()[:4]
    except psutil.Error:
        return False


def _is_dead(process: psutil.Process) -> bool:
    """Whether a process has ended, though whoever started it may not have asked yet how."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def send(process: psutil.Process, number: signal.Signals) -> None:
    """Send a signal to a process, which may be gone by now."""
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def _uppermost(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Those that no other one has started: a launcher passes the request on to its workers itself."""
    numbers = {process.pid for process in processes}
    return [process for process in processes if _parent(process) not in numbers]


def _parent(process: psutil.Process) -> int | None:
    try:
        return int(process.ppid())
    except psutil.NoSuchProcess:
        return None
