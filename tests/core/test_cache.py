"""Cache entries: whole or absent, made once."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ftk import files
from ftk.artifacts import Artifact
from ftk.runs.cache import Cache


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """An empty cache."""
    return Cache(tmp_path / "cache")


def test_an_entry_is_built_once_for_its_inputs(cache: Cache) -> None:
    built: list[int] = []

    def build(folder: Artifact) -> None:
        built.append(1)
        (cache.root / folder.path / "file").write_text("x")

    first = cache.entry("models", {"a": 1, "b": 2}, build)
    assert cache.entry("models", {"b": 2, "a": 1}, build) == first
    assert (first.root, first.path.split("/")[0], len(built)) == ("cache", "models", 1)
    assert [item.name for item in (cache.root / first.path).iterdir()] == ["file"]


def test_other_inputs_and_kinds_have_entries_of_their_own(cache: Cache) -> None:
    entries = [cache.entry(kind, {"a": value}, lambda folder: None) for kind in ("x", "y") for value in (1, 2)]
    assert len(set(entries)) == 4
    assert all((cache.root / entry.path).is_dir() for entry in entries)


def test_a_build_that_fails_leaves_nothing_and_is_tried_again(cache: Cache) -> None:
    def fail(folder: Artifact) -> None:
        (cache.root / folder.path / "file").write_text("half")
        raise ValueError

    with pytest.raises(ValueError):
        cache.entry("models", {"a": 1}, fail)
    assert list((cache.root / "models").iterdir()) == []
    entry = cache.entry("models", {"a": 1}, lambda folder: None)
    assert list((cache.root / entry.path).iterdir()) == []


@pytest.fixture
def built(cache: Cache) -> Callable[[], tuple[Path, int]]:
    """Gives the folder of an entry, and how often it was built."""
    times = []

    def build(folder: Artifact) -> None:
        times.append(1)
        (cache.root / folder.path / "sub").mkdir()
        (cache.root / folder.path / "sub" / "file").write_text("whole")

    def give() -> tuple[Path, int]:
        return cache.root / cache.entry("models", {"a": 1}, build).path, len(times)

    return give


@pytest.mark.parametrize("damage", [lambda path: path.write_text("wh"), Path.unlink, lambda path: path.write_text("")])
def test_an_entry_that_was_damaged_is_none_and_is_built_again(
    cache: Cache, built: Callable[[], tuple[Path, int]], damage: Callable[[Path], None]
) -> None:
    folder, _ = built()
    assert cache.existing("models", {"a": 1})
    damage(folder / "sub" / "file")
    assert cache.existing("models", {"a": 1}) is None
    assert built() == (folder, 2)
    assert (folder / "sub" / "file").read_text() == "whole"
    assert built() == (folder, 2)


def test_what_others_put_beside_an_entry_s_files_harms_nothing(built: Callable[[], tuple[Path, int]]) -> None:
    folder, _ = built()
    (folder / ".DS_Store").touch()
    assert built() == (folder, 1)


def test_an_entry_without_a_record_is_taken_as_it_is(cache: Cache, built: Callable[[], tuple[Path, int]]) -> None:
    folder, _ = built()
    files.remove(cache.root / "records")
    (folder / "sub" / "file").write_text("older")
    assert built() == (folder, 1)


def test_an_entry_with_a_record_that_cannot_be_read_is_built_again(
    cache: Cache, built: Callable[[], tuple[Path, int]]
) -> None:
    built()
    (record,) = (cache.root / "records").iterdir()
    record.write_text("{")
    assert built()[1] == 2


def test_processes_at_the_same_time_build_an_entry_once(cache: Cache, tmp_path: Path) -> None:
    script = (
        "import sys, time, uuid; from pathlib import Path; from ftk.runs.cache import Cache\n"
        "root, log = map(Path, sys.argv[1:])\n"
        "def build(folder):\n"
        "    (log / uuid.uuid4().hex).touch(); time.sleep(0.2); (root / folder.path / 'file').write_text('whole')\n"
        "entry = Cache(root).entry('models', {'a': 1}, build)\n"
        "assert (root / entry.path / 'file').read_text() == 'whole'\n"
    )
    (tmp_path / "log").mkdir()
    argv = [sys.executable, "-c", script, str(cache.root), str(tmp_path / "log")]
    processes = [subprocess.Popen(argv) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert len(list((tmp_path / "log").iterdir())) == 1
