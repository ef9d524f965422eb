"""A process that was killed while PyTorch compiled for it holds up no later one, and one that lives keeps its lock."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

STARTS = """\
import sys
from ftk_torch_extensions import VARIABLE, use_own_folder
import os
use_own_folder()
print(os.environ[VARIABLE], flush=True)
sys.stdin.read()
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(root: Path, tmp_path: Path) -> Start:
    """Starts a process that is about to compile; it works until its standard input ends."""

    def call(**variables: str) -> "subprocess.Popen[str]":
        inherited = {name: value for name, value in os.environ.items() if name != "TORCH_EXTENSIONS_DIR"}
        paths = {"PYTHONPATH": str(root / "plugins/ftk_axolotl/engine"), "XDG_CACHE_HOME": str(tmp_path)}
        return subprocess.Popen(
            [sys.executable, "-c", STARTS],
            env={**inherited, **paths, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    return call


def folder_of(process: "subprocess.Popen[str]") -> Path:
    """Where the process will compile, once it has got there."""
    assert process.stdout
    return Path(process.stdout.readline().strip())


def locked(folder: Path) -> Path:
    """A lock as PyTorch makes it."""
    (folder / "operation").mkdir(exist_ok=True)
    (folder / "operation" / "lock").touch()
    return folder / "operation" / "lock"


def test_a_lock_of_a_killed_process_goes_and_that_of_a_living_one_stays(start: Start, tmp_path: Path) -> None:
    first = start()
    lock = locked(folder_of(first))
    assert lock.is_relative_to(tmp_path)
    beside = start()
    assert folder_of(beside) == lock.parent.parent and lock.exists()
    for process in (first, beside):
        process.kill()
        process.communicate()
    later = start()
    assert folder_of(later) == lock.parent.parent and not lock.exists()
    later.communicate()


def test_a_folder_that_was_chosen_is_left_as_it_is(start: Start, tmp_path: Path) -> None:
    lock = locked(tmp_path)
    process = start(TORCH_EXTENSIONS_DIR=str(tmp_path))
    assert folder_of(process) == tmp_path and lock.exists()
    process.communicate()
