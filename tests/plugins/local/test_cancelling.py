"""A run is cancelled as soon as its driver can be told from other processes."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ftk.plugin import Home, UsageError
from ftk_local import backend
from ftk_local.lock import RunLock
from ftk_local.processes import RUN_VARIABLE

DRIVER = f"""
import os, sys, time
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
argv = [sys.executable, "-c", "import time; time.sleep(600)", "ftk.runs.driver"]
os.execve(sys.executable, argv, {{**os.environ, {RUN_VARIABLE!r}: sys.argv[2]}})
"""
"""Becomes a driver when a file appears, as one that was forked does by its exec."""


def test_a_driver_that_is_just_being_started_is_asked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, go = tmp_path / "runs" / "one", tmp_path / "go"
    folder.mkdir(parents=True)
    lock = RunLock.take(folder)
    assert lock
    argv = [sys.executable, "-c", DRIVER, str(go), str(folder)]
    driver = subprocess.Popen(argv, pass_fds=[lock.descriptor])
    lock.hand_over()
    look = backend.workers

    def workers(folder: Path) -> list[psutil.Process]:
        found = look(folder)
        go.touch()  # only now, so that the first look finds nobody
        return found

    monkeypatch.setattr(backend, "workers", workers)
    try:
        backend.LocalBackend(Home(tmp_path / "runs", tmp_path / "cache")).cancel("one", now=False)
        assert driver.wait(60) == -signal.SIGTERM
    finally:
        driver.kill()
        driver.wait()


def test_where_nobody_works_nobody_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "runs" / "one").mkdir(parents=True)
    backend.LocalBackend(Home(tmp_path / "runs", tmp_path / "cache")).cancel("one", now=False)


def test_a_run_whose_processes_cannot_be_seen_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "runs" / "one"
    folder.mkdir(parents=True)
    lock = RunLock.take(folder)  # of a process without the variable, as another user's looks from here
    assert lock
    monkeypatch.setattr(backend, "PATIENCE", 0.0)
    local = backend.LocalBackend(Home(tmp_path / "runs", tmp_path / "cache"))
    with pytest.raises(UsageError, match="one is held by a process that this user cannot see\n  cancel it as the user"):
        local.cancel("one", now=False)
    assert local.activity("one") == "working"
    lock.hand_over()
    assert local.activity("one") == "idle"
