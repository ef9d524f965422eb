"""Run a command of an installer: told line by line while it works, and answered with advice where it fails."""

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from textwrap import shorten

from ftk.advice import Advice
from ftk.environments.interpreter import foreign_variables
from ftk.errors import FtkError

WIDTH = 80
"""Characters that are told of a line."""

POLL = 0.1
"""Seconds between two looks at the output."""

PR_SET_PDEATHSIG = 1
"""The request of prctl(2) in Linux."""

SETTINGS = {"PIP_USER": "0", "PIP_NO_INPUT": "1", "PYTHONUNBUFFERED": "1"}
"""Variables for the installer: it installs into the environment, asks nothing, and prints at once."""

TAIL = 20_000
"""Bytes at the end of the output in which known failures are looked for."""

ABSENT = Advice(
    r"No matching distribution found|Could not find a version that satisfies|No solution found",
    "the package index does not have what the lock names",
    "name an index that has it (PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS)",
)

# In this order: an index that is not reached has no distributions either.
ADVICE = (
    Advice(r"No space left on device|\[Errno 28\]", "the disk is full", "free some space, also in TMPDIR"),
    Advice(
        r"Failed to establish a new connection|Name or service not known|Temporary failure in name resolution"
        r"|Network is unreachable|Connection (refused|reset)|ConnectTimeout|ReadTimeout|ProxyError|dns error",
        "the package index cannot be reached",
        "an environment is downloaded once: connect this machine, or name an index that it reaches (PIP_INDEX_URL)",
    ),
    ABSENT,
    Advice(
        r"subprocess-exited-with-error|Failed building wheel|Failed to build",
        "a package has no wheel for this machine and could not be compiled",
        "install a compiler (such as gcc), or name an interpreter that has it by `ftk.environments`",
    ),
    Advice(r"Permission denied|\[Errno 13\]", "a folder may not be written", "mend its permissions"),
)

TOLD = re.compile(r"^(Collecting|Downloading|Processing|Building|Installing|Uninstalling|Prepar|Resolved|Installed)")
"""Beginnings of the lines of output that tell a person what goes on."""


class InstallerFailed(FtkError):
    """A call of the installer ended with an error."""


class NoSuchPackage(InstallerFailed):
    """No index has what was asked for."""


def run(argv: Sequence[str], python: Path, log: Path, lock: int, tell: Callable[[str], None]) -> None:
    """Run a command of an installer and wait for it.

    :param python: the environment's interpreter, for which it installs.
    :param log: its output is added there.
    :param lock: the environment's open lock, which it holds too.
    :param tell: given the lines that tell what goes on.
    :raises InstallerFailed: when it fails.
    """
    with log.open("ab") as output:
        start = output.tell()
        process = subprocess.Popen(
            argv,
            env={**foreign_variables(python, os.environ), **SETTINGS},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[lock],
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
    try:
        for line in _lines(process, log, start):
            if TOLD.match(line):
                tell(shorten(line.partition(" (from ")[0], WIDTH))
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if process.returncode:
        raise _failure(process.returncode, log, start)


def _die_with_parent() -> None:
    """Let the kernel end this process when ftk is killed: nothing then goes on to write into a half-built folder."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _lines(process: "subprocess.Popen[bytes]", log: Path, start: int) -> Iterator[str]:
    """The lines of output as they come, until the process has ended."""
    with log.open(encoding="utf-8", errors="replace") as stream:
        stream.seek(start)
        ended, rest = False, ""
        while not ended:
            ended = process.poll() is not None
            *whole, rest = (rest + stream.read()).split("\n")
            yield from map(str.strip, whole)
            if not ended:
                time.sleep(POLL)


def _failure(code: int, log: Path, start: int) -> InstallerFailed:
    with log.open("rb") as stream:
        stream.seek(max(start, log.stat().st_size - TAIL))
        output = stream.read().decode(errors="replace")
    more = f"all of its output: {log}"
    if code < 0:
        return InstallerFailed(f"it was ended by signal {-code}", f"where memory ran out, free some; {more}")
    advice = next((item for item in ADVICE if re.search(item.pattern, output)), None)
    errors = re.findall(r"(?i)^error: (.*)", output, re.MULTILINE)
    last = errors[-1] if errors else next(iter(output.strip().splitlines()[::-1]), "it printed nothing")
    if advice is None:
        return InstallerFailed(last, more)
    # Also where one index of several cannot be reached: what is optional must not depend on it.
    kind = NoSuchPackage if re.search(ABSENT.pattern, output) else InstallerFailed
    return kind(f"{advice.meaning}: {last}", f"{advice.remedy}; {more}")
