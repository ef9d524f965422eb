"""Failures that are caused for real, told in a line with what to do, and gone on from."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftk.testing.calls import PATIENCE


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    disk = tmp_path / "small"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip("only root mounts file systems")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def fill(disk: Path) -> Path:
    """A file that takes all that is left."""
    path = disk / "filler"
    with path.open("wb") as stream:
        try:
            while True:
                os.write(stream.fileno(), b"0" * 4096)
        except OSError:
            return path


@pytest.mark.slow
def test_a_full_disk_in_training(ftk, toy_config: Path, small_disk: Path) -> None:
    place = {"FTK_RUNS_DIR": str(small_disk / "runs"), "FTK_CACHE_DIR": str(small_disk / "cache")}
    ftk.runs = small_disk / "runs"
    process = ftk.start("run", toy_config, "--set", "toy_step_seconds=2", **place)
    ftk.wait_for_event("metrics")
    filler = fill(small_disk)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "the disk is full" in errors or "No space left on device" in errors  # as trainer or driver meets it first
    assert "free some space" in errors
    filler.unlink()
    done = ftk("run", "--resume", "latest", "--set", "toy_step_seconds=0", **place)
    assert done.returncode == 0, done.stderr
    assert " finished\n" in ftk("runs", **place).stdout


def test_a_full_disk_at_the_start(ftk, toy_config: Path, small_disk: Path) -> None:
    fill(small_disk)
    done = ftk("run", toy_config, FTK_RUNS_DIR=str(small_disk / "runs"))
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "free some space there" in done.stderr
    assert "Traceback" not in done.stderr
