"""What a person sees of a run on a terminal, where it is started and where it is attached to."""

import os
import pty
import re
import select
import subprocess
import termios
import time
from pathlib import Path

import pytest

from ftk.testing.calls import PATIENCE, SCRIPTS, Ftk

LONG = ("--set", "max_steps=200", "--set", "toy_step_seconds=0.3")

BAR = re.compile(r"train  loss \d\.\d{4}  \d+ tokens/s  (\d+:\d\d|\d+\.\d s) left .*?\d+/200")

GREEN = "\x1b[32m"

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What moves the cursor, or colours."""


class Terminal:
    """A terminal of 80 columns with a command of ftk on it."""

    def __init__(self, ftk: Ftk, *arguments: object) -> None:
        self._ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, 80))
        self._shown = self.all = ""
        self._process = subprocess.Popen(
            [f"{SCRIPTS}/ftk", *map(str, arguments)],
            cwd=ftk.folder,
            env=ftk.environment({"TERM": "xterm"}),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        ftk.started.append(self._process)  # type: ignore[arg-type]
        os.close(theirs)

    def until(self, pattern: str | re.Pattern[str]) -> None:
        """Wait until this is shown, and forget what is before its end."""
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, CONTROL.sub("", self._shown))):
            if time.monotonic() > deadline or not self._read(deadline):
                pytest.fail(f"{pattern!r} does not come; shown is {self._shown!r}")
        self._shown = CONTROL.sub("", self._shown)[found.end() :]

    def _read(self, deadline: float) -> bool:
        """Read what comes next; whether there was something."""
        ready, _, _ = select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))
        try:
            more = os.read(self._ours, 4096) if ready else b""
        except OSError:  # whoever wrote to it has ended
            more = b""
        self._shown += more.decode(errors="replace")
        self.all += more.decode(errors="replace")
        return bool(more)

    def end(self) -> int:
        """Read to the end; the exit code."""
        while self._read(time.monotonic() + PATIENCE):
            pass
        os.close(self._ours)
        return self._process.wait(PATIENCE)


def test_a_run_is_shown_where_it_is_started_and_where_it_is_attached_to(ftk: Ftk, toy_config: Path) -> None:
    first = Terminal(ftk, "run", toy_config, *LONG)
    ftk.wait_for_event("metrics")
    second = Terminal(ftk, "attach")
    for shown in (first, second):
        shown.until("stage_data by formats")
        shown.until("prepare_model by toy")
        shown.until("train by toy")
        shown.until(BAR)
    (ftk.run_folder() / "hurry").touch()
    for shown in (first, second):
        shown.until("done in .*: 200 steps, loss")
        shown.until("merge by toy")
        shown.until("exact match")
        shown.until("merged +runs/")
    assert [shown.end() for shown in (first, second)] == [0, 0]


def test_rows_are_coloured_on_a_terminal_and_marked_everywhere(ftk: Ftk, toy_config: Path) -> None:
    shown = Terminal(ftk, "inspect", toy_config, "--row", 1)
    assert shown.end() == 0
    assert GREEN in shown.all and "«" in shown.all
    piped = ftk("inspect", toy_config, "--row", 1).stdout
    assert "\x1b" not in piped and "«" in piped
