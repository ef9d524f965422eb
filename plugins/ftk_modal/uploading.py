"""Show how far an upload is, on standard error, where it takes a while."""

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MB = 1_000_000

SMALL = 10 * MB
"""Bytes up to which nothing is shown."""

EVERY = 2.0
"""Seconds between two lines."""


class Uploading:
    """A callback for uploads.

    :param content: what is uploaded.
    :param place: where to, for the person.
    """

    def __init__(self, content: Mapping[str, Path | bytes], place: str) -> None:
        self.size = sum(len(item) if isinstance(item, bytes) else item.stat().st_size for item in content.values())
        self.place = place
        self.sent = 0
        self._shown = time.monotonic()
        if self.size > SMALL:
            self._show(f"bringing {self.size // MB} MB to {place}; what it has already is not sent again")

    def __call__(self, *_: Any, advance: int = 0, **__: Any) -> str:
        """Take what `modal.Volume` reports of its uploads."""
        self.sent += advance
        if self.size > SMALL and advance and time.monotonic() - self._shown > EVERY:
            self._shown = time.monotonic()
            self._show(f"  {self.sent // MB} of {self.size // MB} MB sent")
        return ""

    def _show(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)
