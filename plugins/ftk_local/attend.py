"""Run a visit as a process of this machine; it ends with whoever waits for it."""

import os
import secrets
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ftk.plugin import LOG_FILE
from ftk_local.processes import held_back, marked, stop

VISIT_VARIABLE = "FTK_VISIT"
"""Names a visit to everything that it starts."""

GRACE = 10.0
"""Seconds in which a visit that was asked to stop may end what it has started."""


def attend(argv: Sequence[str], folder: Path) -> int:
    """Run the visit and wait for it; its output goes to the run's log.

    Should this process be killed, then the visit's standard input ends, and so does the visit.

    :param folder: the run's folder.
    :returns: its exit code; negative for the signal that ended it. Nothing that it has started is left.
    """
    mark = secrets.token_hex(8)
    code: int | None = None
    try:
        with (folder / LOG_FILE).open("ab") as log, held_back(signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, VISIT_VARIABLE: mark},
                start_new_session=True,
            )
        code = process.wait()
    finally:
        if code != 0:
            stop(marked(VISIT_VARIABLE, mark), GRACE)
    return code
