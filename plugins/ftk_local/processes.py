"""Find and end the processes that work on a run.

They are known by a variable in their environment, which all their children inherit: nothing written down can be wrong
about them after a crash.
"""

from collections.abc import Sequence
from pathlib import Path

import psutil

RUN_VARIABLE = "FTK_RUN"
"""Names the run folder to its driver and all its commands."""

GRACE = 300.0
"""Seconds in which a trainer that was asked to stop may finish its step and write its checkpoint."""


def workers(folder: Path) -> list[psutil.Process]:
    """The driver and all commands that work on the run in this folder, with their children."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN_VARIABLE) == str(folder):
                found.append(process)
        except psutil.Error:
            continue
    return found


def is_driver(process: psutil.Process) -> bool:
    """Whether the process drives a run, rather than doing a command's work."""
    try:
        return "ftk.driver" in process.cmdline()[:4]
    except psutil.Error:
        return False


def stop(processes: Sequence[psutil.Process], grace: float) -> None:
    """Ask processes to end, then make them.

    :param grace: seconds to wait between the two.
    """
    try:
        for process in _uppermost(processes) if grace else ():
            process.terminate()
        psutil.wait_procs(processes, timeout=grace)
    finally:
        # Also when a second, impatient request to stop cut the wait short.
        for process in processes:
            if process.is_running():
                process.kill()
        psutil.wait_procs(processes, timeout=10)


def stop_children(grace: float) -> None:
    """End every process that this one has started, with their children; see `stop`."""
    stop(psutil.Process().children(recursive=True), grace)


def _uppermost(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Those that no other one has started: a launcher passes the request on to its workers itself."""
    numbers = {process.pid for process in processes}
    return [process for process in processes if process.is_running() and process.ppid() not in numbers]
