"""The lock of a run: held by whatever process works on it, driver or command, and free as soon as all are gone."""

import fcntl
import os
import time
from pathlib import Path

from ftk.plugin import files

DESCRIPTOR_VARIABLE = "FTK_LOCK"
"""Names the open lock to the processes that inherit it."""


TRIES = 5
BETWEEN_TRIES = 0.05
"""Seconds."""


class RunLock:
    """An open, exclusive lock of a run folder.

    The lock belongs to the open file, not to a process: every process that inherits the descriptor keeps it held.

    :param descriptor: the open lock file.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def take(cls, folder: Path) -> "RunLock | None":
        """The lock, or None while somebody holds it.

        :raises FileNotFoundError: where the run is removed, or was while its lock was waited for.
        """
        path = folder / ".lock"
        descriptor = files.open_lock(path)
        # More than one try, since somebody who only looks (`is_held`) holds it for an instant.
        for attempt in range(TRIES):
            if attempt:
                time.sleep(BETWEEN_TRIES)
            if _lock(descriptor):
                _check_place(descriptor, path)
                return cls(descriptor)
        os.close(descriptor)
        return None

    @staticmethod
    def is_held(folder: Path) -> bool:
        """Whether anybody works on the run."""
        try:
            descriptor = os.open(folder / ".lock", os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            return not _lock(descriptor)
        finally:
            os.close(descriptor)

    def hand_over(self) -> None:
        """Leave the lock to the processes that inherited it."""
        os.close(self.descriptor)


def _check_place(descriptor: int, path: Path) -> None:
    """Close the lock where it no longer lies at its path: whoever held it before has moved the folder away."""
    try:
        path.stat()
    except FileNotFoundError:
        os.close(descriptor)
        raise


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
