"""Bringing the files of a run that is being worked on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ftk.backend import Stored
from ftk.errors import UsageError
from ftk.home import Home
from ftk.hooks.manager import Manager
from ftk.runs.pulling import Pulled, pull
from ftk.runs.record import RunRecord

CONTENTS = {"log.txt": "one", "old/weights": "w", "notes.partial/x": "half", ".lock": "", "data.lock": "mine"}


class Working:
    """The local backend while a run works: files change after they were listed."""

    def __init__(self, home: Home) -> None:
        self._backend: Any = Manager.load().backend("local", home)
        self.change: Any = lambda: None

    def stored(self, run_id: str, path: str) -> Mapping[str, Stored]:
        found: Mapping[str, Stored] = self._backend.stored(run_id, path)
        self.change()
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)


@pytest.fixture
def backend(tmp_path: Path) -> Working:
    for name, text in CONTENTS.items():
        (tmp_path / "runs/r" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "runs/r" / name).write_text(text)
    return Working(Home(tmp_path / "runs", tmp_path / "cache"))


def _pull(backend: Working, target: Path) -> Pulled:
    record: Any = RunRecord(backend, "r")  # type: ignore[arg-type]
    return pull(record, "", target, lambda come, of: None)


def test_what_is_there_for_those_who_work_stays_there(backend: Working, tmp_path: Path) -> None:
    assert _pull(backend, tmp_path / "here").files == 3
    found = {path.name for path in (tmp_path / "here").rglob("*") if path.is_file()}
    assert found == {"log.txt", "weights", "data.lock", ".ftk-pull.json"}


def test_files_that_go_or_grow_meanwhile_do_not_stop_it(backend: Working, tmp_path: Path) -> None:
    run = tmp_path / "runs/r"

    def change() -> None:
        (run / "old/weights").unlink(missing_ok=True)
        (run / "log.txt").write_text("one and two")

    backend.change = change
    done = _pull(backend, tmp_path / "here")
    assert (done.files, done.gone) == (2, 1)
    assert (tmp_path / "here/log.txt").read_text() == "one and two"
    # What has grown is looked at once more.
    assert _pull(backend, tmp_path / "here").fetched == 1


@pytest.mark.parametrize("path", ["..", "../", "old/../../other", "/../other"])
def test_nothing_outside_of_the_run_is_brought(backend: Working, tmp_path: Path, path: str) -> None:
    (tmp_path / "runs/other").mkdir()
    (tmp_path / "runs/other/weights").write_text("w")
    record: Any = RunRecord(backend, "r")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="leads out of r"):
        pull(record, path, tmp_path / "to/here", lambda come, of: None)
    assert not (tmp_path / "to").exists()
