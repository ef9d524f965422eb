"""Run a command as a process of this machine and never lose sight of it."""

import os
import subprocess
import sys
from pathlib import Path

from ftk.plugin import EVENTS_VARIABLE, LOG_FILE, PYTHON, Artifact, Cancelled, Command, FtkError
from ftk_local.lock import DESCRIPTOR_VARIABLE
from ftk_local.processes import GRACE, stop_children


def supervise(folder: Path, cache: Path, command: Command, events: Path) -> int:
    """Run the command and wait for it.

    Its output goes straight into the log, not through a pipe of ours, so that it can go on writing (and be stopped in
    order) after a driver that was killed.

    :param folder: the run's folder, in which it works.
    :param cache: the cache's folder.
    :param events: the file in which it reports.
    :returns: its exit code; negative for the signal that ended it.
    :raises Cancelled: when this process was asked to stop; the command is then gone.
    """
    argv = [_argument(part, folder, cache) for part in command.argv]
    inherited = os.environ.get(DESCRIPTOR_VARIABLE)
    try:
        with (folder / LOG_FILE).open("ab") as log:
            process = subprocess.Popen(
                argv,
                cwd=folder,
                env={**os.environ, **command.variables, EVENTS_VARIABLE: str(events)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[int(inherited)] if inherited else [],
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


def _argument(part: str | Artifact, folder: Path, cache: Path) -> str:
    if part == PYTHON:
        return sys.executable
    if isinstance(part, Artifact):
        return str((folder if part.root == "run" else cache) / part.path)
    return part
