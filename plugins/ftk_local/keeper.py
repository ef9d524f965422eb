"""The process that keeps a server: `python -m ftk_local.keeper`, with its order as JSON on standard input.

It starts the server, says how that ended, and leaves nothing of it behind, whichever of the two dies first. It imports
nothing before the server starts, which would wait for it, but what every Python has at hand.
"""

import json
import os
import signal
import subprocess
import sys
from types import FrameType
from typing import NoReturn

SERVER_VARIABLE = "FTK_SERVER"
"""Describes a server to its keeper and all processes below, as JSON."""

GRACE = 4.0
"""Seconds in which a server may answer its last requests."""


class _Asked(Exception):
    """Somebody wants the server to end."""


def main() -> None:
    """Keep the server until it ends or is asked to."""
    order = json.load(sys.stdin)
    _start_guard()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _asked)
    try:
        server = subprocess.Popen(order["argv"], env=order["variables"], stdin=subprocess.DEVNULL, close_fds=False)
        code = server.wait()
    except _Asked:
        _end_others(GRACE)
        how = "was asked to stop"
    else:
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    print(f"the server {how}", flush=True)


def _asked(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
    raise _Asked


def _start_guard() -> None:
    """Leave a process behind that ends all others of the server as soon as this one is gone, by whatever end."""
    here, there = os.pipe()  # no program that is started inherits it
    if os.fork():
        os.close(here)
        return
    os.close(there)
    # The keeper's end of the pipe is closed by its death alone.
    os.read(here, 1)
    _end_others(0)
    os._exit(0)


def _end_others(grace: float) -> None:
    """End the other processes of this server.

    :param grace: see `ftk_local.processes.stop`.
    """
    from ftk_local.processes import marked, stop

    found = marked(SERVER_VARIABLE, os.environ[SERVER_VARIABLE])
    stop([process for process in found if process.pid != os.getpid()], grace)


if __name__ == "__main__":
    main()
