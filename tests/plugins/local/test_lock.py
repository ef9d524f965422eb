"""The lock of a run that is removed while somebody else reaches for it."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ftk_local.lock import RunLock


def test_a_run_that_is_gone_has_no_lock(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        RunLock.take(tmp_path / "gone")


def test_a_run_that_is_moved_while_its_lock_is_waited_for_has_none(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    held = RunLock.take(folder)
    assert held is not None

    def move_and_release() -> None:
        folder.rename(tmp_path / "removed")
        held.hand_over()

    later = threading.Timer(0.02, move_and_release)
    later.start()
    with pytest.raises(FileNotFoundError):
        RunLock.take(folder)
    later.join()
    assert not folder.exists()


WITHOUT_STREAMS = """
import os, subprocess, sys
from pathlib import Path
from ftk_local.lock import RunLock

folder = Path(sys.argv[1])
os.close(0)
os.close(1)
lock = RunLock.take(folder)
argv, none = [sys.executable, "-c", "import time; time.sleep(600)"], subprocess.DEVNULL
child = subprocess.Popen(argv, stdin=none, stdout=none, pass_fds=[lock.descriptor])
lock.hand_over()
held = RunLock.is_held(folder)
child.kill()
child.wait()
sys.exit(not held)
"""


def test_a_process_holds_the_lock_also_where_who_started_it_has_no_standard_streams(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_STREAMS, str(tmp_path)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
