"""Append events to one file of a run: the only writer of events, in ftk and inside every engine.

It imports nothing but the standard library, so that a foreign engine's interpreter can be given this one file.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

EVENTS_VARIABLE = "FTK_EVENTS"
"""Environment variable with the path of the event file that a command writes."""


def append_line(path: Path, line: str) -> None:
    """Append one line in a single write, so that a reader or a kill never sees half of two lines.

    A line that an earlier, killed writer left unfinished is closed first; readers pass over it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        os.write(descriptor, (("\n" if torn else "") + line + "\n").encode())
    finally:
        os.close(descriptor)


class Reporter:
    """Writes events as JSON lines to `path`; there is one writer per file.

    :param path: the event file; without one, events are dropped (a command started by hand).
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path

    @classmethod
    def from_environment(cls) -> "Reporter":
        """The reporter of the command that this process runs for ftk."""
        named = os.environ.get(EVENTS_VARIABLE)
        return cls(Path(named) if named else None)

    def emit(self, kind: str, **fields: Any) -> None:
        """Append one event.

        :param kind: what happened, such as `metrics` or `notice`.
        :param fields: JSON values; their names must not be `time` or `kind`.
        """
        if self.path is not None:
            append_line(self.path, json.dumps({"time": time.time(), "kind": kind, **fields}))

    def notice(self, message: str) -> None:
        """Tell the person something that they should know, such as an option adapted to this device."""
        self.emit("notice", message=message)
