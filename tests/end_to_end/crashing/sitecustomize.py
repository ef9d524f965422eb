"""Kills its own process at one exact moment; Python imports this file by its name, before anything else of a process.

A moment is the instant before or after an operation that writes, or between two files of a folder that is removed. All
processes of a run count on in one file, a line a moment, so the moment of a given number is always the same.
"""

import functools
import os
import pathlib
import signal
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

COUNTER_VARIABLE = "CRASH_COUNTER"
"""Names the file that gets a line for each moment."""

MOMENT_VARIABLE = "CRASH_MOMENT"
"""The moment of the crash; 0 for none."""

WRITERS = ("make_folder", "write_bytes", "copy_file", "write_stream", "link_file", "refer", "remove", "publish_folder")
"""The operations of `ftk.files`; its other functions only read, or call these."""


def _pass_moment(description: str) -> None:
    counter = os.environ[COUNTER_VARIABLE]
    descriptor = os.open(counter, os.O_RDWR | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{description}\n".encode())
    number = os.pread(descriptor, os.lseek(descriptor, 0, os.SEEK_CUR), 0).count(b"\n")
    os.close(descriptor)
    if number == int(os.environ[MOMENT_VARIABLE]):
        pathlib.Path(f"{counter}.crashed").write_text(description)
        os.kill(os.getpid(), signal.SIGKILL)


def _pass_within_removal(event: str, arguments: tuple[Any, ...]) -> None:
    # Only what removes a whole folder names its parts by the descriptor of the folder around them.
    if event in ("os.remove", "os.rmdir") and arguments[-1] != -1:
        _pass_moment(f"inside {event} {arguments}")


def _wrap(owner: ModuleType | type, name: str) -> None:
    function: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(function)
    def wrapper(*arguments: Any, **options: Any) -> Any:
        _pass_moment(f"before {name} {arguments}")
        result = function(*arguments, **options)
        _pass_moment(f"after {name} {arguments}")
        return result

    setattr(owner, name, wrapper)


if COUNTER_VARIABLE in os.environ:
    import ftk.files
    import ftk.reporter

    for writer in WRITERS:
        _wrap(ftk.files, writer)
    _wrap(ftk.reporter, "append_line")
    # The moment between writing a file beside its place and putting it there.
    _wrap(pathlib.Path, "replace")
    sys.addaudithook(_pass_within_removal)
