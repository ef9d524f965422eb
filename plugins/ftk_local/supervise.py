"""Run a command as a process of this machine and never lose sight of it."""

import os
import subprocess
from pathlib import Path

from ftk.plugin import (
    EVENTS_VARIABLE,
    LOG_FILE,
    Cancelled,
    Command,
    FtkError,
    Interpreter,
)
from ftk_local.lock import DESCRIPTOR_VARIABLE
from ftk_local.placed import Placed
from ftk_local.processes import GRACE, stop_children


def supervise(folder: Path, cache: Path, command: Command, events: Path, interpreter: Interpreter) -> int:
    """Run the command and wait for it.

    Its output goes straight into the log, not through a pipe of ours, so that it can go on writing (and be stopped in
    order) after a driver that was killed.

    :param folder: the run's folder, in which it works.
    :param cache: the cache's folder.
    :param events: the file in which it reports.
    :param interpreter: the one of the command's environment.
    :returns: its exit code; negative for the signal that ended it.
    :raises Cancelled: when this process was asked to stop; the command is then gone.
    """
    here = Placed(folder, cache, interpreter)
    inherited = os.environ.get(DESCRIPTOR_VARIABLE)
    locks = [int(lock) for lock in (inherited, interpreter.lock) if lock is not None]
    try:
        with (folder / LOG_FILE).open("ab") as log:
            process = subprocess.Popen(
                [here.text(part) for part in command.argv],
                cwd=folder,
                env={**here.variables(command.variables), EVENTS_VARIABLE: str(events)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=locks,
                start_new_session=True,
            )
        return process.wait(command.resources.timeout)
    except subprocess.TimeoutExpired:
        stop_children(GRACE)
        raise FtkError(
            f"the command took longer than the {command.resources.timeout:g} seconds of ftk.resources.timeout",
            "its last checkpoint is kept: raise the timeout with --set ftk.resources.timeout=... and --resume",
        ) from None
    except Cancelled as request:
        try:
            stop_children(0 if request.now else GRACE)
        finally:
            # A second request may come at any instant, also before the stopping has begun.
            stop_children(0)
        raise
