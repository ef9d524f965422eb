"""Folders that cannot be written: what only reads works, all else is told, and goes on when they can be written."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ftk.testing.calls import Ftk

READ_ONLY = "Read-only file system"


def _told(done, code: int, *parts: str) -> None:
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    first, second = done.stderr.splitlines()[-2:]
    assert first.startswith("error: ")
    for part in parts:
        assert part in f"{first}\n{second}"


@pytest.fixture(scope="module")
def kept(
    tmp_path_factory: pytest.TempPathFactory,
    make_ftk: Callable[[Path], Ftk],
    write_toy_config: Callable[[Path], Path],
    mount: Callable[[Path, str], Any],
) -> Iterator[Ftk]:
    """Calls `ftk` in a folder of a disk that only can be read, with a trained run in it, and its files."""
    folder = tmp_path_factory.mktemp("read-only")
    with mount(folder / "disk", "4m") as disk:
        ftk = make_ftk(disk.folder)
        ftk.variables["FTK_CACHE_DIR"] = str(folder / "cache")
        assert ftk("run", write_toy_config(disk.folder), "--until", "train").returncode == 0
        ftk.assert_nobody_works()  # who still has a file open for writing keeps a disk from this
        disk.remount("ro")
        yield ftk
        disk.remount("rw")


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--resume", "latest"],
        ["run", "--resume", "latest", "--from", "train"],
        ["merge", "latest"],
        ["rm", "latest", "--yes"],
        ["infer", "hello"],
        ["infer", "--input", "data.jsonl", "--output", "answers.jsonl"],
        ["plugins", "new", "riddles", "--kind", "format"],
    ],
    ids=" ".join,
)
def test_what_would_write_is_told(kept: Ftk, arguments: list[str]) -> None:
    _told(kept(*arguments), 1, READ_ONLY, "make it writable", "FTK_RUNS_DIR")


@pytest.mark.parametrize("arguments", [["run", "config.yml"], ["run", "config.yml", "--name", "x"]], ids=" ".join)
def test_no_run_is_made_where_nothing_can_be_written(kept: Ftk, arguments: list[str]) -> None:
    _told(kept(*arguments), 2, "the run cannot be written to runs", READ_ONLY, "make it writable", "FTK_RUNS_DIR")


@pytest.mark.parametrize(("name", "why"), [("runs", "Permission denied"), ("new", READ_ONLY)])
def test_no_run_is_made_where_the_cache_cannot_be_written(kept: Ftk, tmp_path: Path, name: str, why: str) -> None:
    cache = kept.folder / name
    done = kept("run", "config.yml", FTK_RUNS_DIR=str(tmp_path / "runs"), FTK_CACHE_DIR=str(cache))
    _told(done, 2, f"the cache cannot be written: {cache}: {why}", "make it writable")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "arguments",
    [["show"], ["runs"], ["logs"], ["attach"], ["cancel", "latest"], ["validate", "config.yml"]],
    ids=" ".join,
)
def test_what_only_reads_works(kept: Ftk, arguments: list[str]) -> None:
    done = kept(*arguments)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_is_told_and_resume_goes_on(offline, disk, toy_config: Path) -> None:
    cache = {"FTK_CACHE_DIR": str(disk.folder / "cache")}
    assert offline("run", toy_config, "--until", "stage_data", **cache).returncode == 0
    shutil.rmtree(disk.folder / "cache")
    disk.remount("ro")
    done = offline("run", "--resume", "latest", "--from", "stage_data", **cache)
    _told(done, 1, "disk/cache: ", READ_ONLY, "name other folders for runs and cache: FTK_RUNS_DIR, FTK_CACHE_DIR")
    disk.remount("rw")
    assert offline("run", "--resume", "latest", **cache).returncode == 0


@pytest.mark.parametrize("name", ["runs", "cache"])
def test_a_file_in_place_of_a_folder_is_told(offline, toy_config: Path, name: str) -> None:
    (offline.folder / name).write_text("")
    done = offline("run", toy_config)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert f"{offline.folder / name}" in done.stderr
    assert "FTK_RUNS_DIR" in done.stderr.splitlines()[-1]


def test_no_folder_for_temporary_files_is_needed(offline, toy_config: Path) -> None:
    assert offline("run", toy_config, "--until", "stage_data", TMPDIR="/nowhere").returncode == 0


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="only Linux has it")
@pytest.mark.parametrize("arguments", [["run", "config.yml"], ["inspect", "config.yml"]], ids=" ".join)
def test_a_cache_in_a_place_that_keeps_no_folders_is_told(offline, toy_config: Path, arguments: list[str]) -> None:
    done = offline(*arguments, FTK_CACHE_DIR="/proc/x")
    _told(done, 2 if arguments[0] == "run" else 1, "/proc/x: no folder can be made there", "FTK_CACHE_DIR")
    assert not offline.has_run()


def test_a_file_in_place_of_the_environments_is_told_with_its_variable(offline, toy_config: Path) -> None:
    done = offline("env", "list", FTK_ENVIRONMENTS_DIR=str(toy_config))
    _told(done, 1, str(toy_config), "FTK_ENVIRONMENTS_DIR")
