"""The lock of a run that is removed while somebody else reaches for it."""

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
