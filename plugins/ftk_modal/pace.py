"""How often a file that grows is fetched: each time as a whole, since Modal's client reads no part of one."""

import time

RATE = 1 << 19
"""Bytes a second that the fetching of one file takes in the long run, however large it grows."""


class Pace:
    """When each file may be fetched again."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}

    def is_due(self, path: str) -> bool:
        """Whether it is time for the file."""
        return time.monotonic() >= self._due.get(path, 0.0)

    def fetched(self, path: str, size: int) -> None:
        """Put the file off for as long as its size asks for."""
        self._due[path] = time.monotonic() + size / RATE

    def forget(self) -> None:
        """Let every file be fetched at once."""
        self._due.clear()
