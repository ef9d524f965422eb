"""The process of one logger: `python -m ftk.loggers.sender FOLDER NAME`.

It follows the events of the run in FOLDER until its standard input ends, which says that no more will come: because
the run has ended, or because whoever started it is gone. Then it sends what is left, and ends.
"""

import argparse
import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from ftk import files
from ftk.errors import PluginError
from ftk.hooks.manager import Manager
from ftk.hooks.trust import read_plugin_file
from ftk.loggers.logger import LoggedRun, Logger
from ftk.loggers.progress import FOLDER
from ftk.loggers.sending import Sending

NICE = 10
"""Added to the niceness of this process, so that it takes no time from a training that could use it."""

OVERDUE = 124
"""Exit code of a process whose time was over, as timeout(1) has it."""


def main(arguments: Sequence[str]) -> int:
    """Send the events of a run to one logger.

    :returns: 0 when all is sent.
    """
    parser = argparse.ArgumentParser(prog="python -m ftk.loggers.sender")
    parser.add_argument("folder", type=Path, help="the run's folder")
    parser.add_argument("name", help="the logger")
    parser.add_argument("--drain", type=float, help="seconds to go on after the end; without a limit, if not given")
    options = parser.parse_args(arguments)
    os.nice(NICE)
    # One that is still at it after its driver was killed comes first.
    with files.locked(options.folder / FOLDER / f"{options.name}.lock"):
        run = LoggedRun.open(options.folder)
        sending = Sending(_find_logger(run, options.name), run)
        threading.Thread(target=_listen, args=(sending, options.drain), daemon=True).start()
        return sending.follow()


def _listen(sending: Sending, drain: float | None) -> None:
    """Wait for the end of the standard input; then end the process in time, whatever the logger is doing."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    sending.no_more.set()
    if drain is not None:
        time.sleep(drain)
        try:
            sending.save()
        finally:
            os._exit(OVERDUE)


def _find_logger(run: LoggedRun, name: str) -> Logger:
    plugins = [read_plugin_file(run.folder / item) for item in run.config.ftk["plugins"]]
    manager = Manager.load(run.config.ftk["disable_plugins"], plugins)
    logger = manager.loggers().get(name)
    if logger is None:
        raise PluginError(f"no plugin brings the logger {name!r}", "`ftk plugins` lists what is installed")
    return logger


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
