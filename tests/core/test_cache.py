"""Cache entries: whole or absent, made once."""

import subprocess
import sys
from pathlib import Path

import pytest

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
