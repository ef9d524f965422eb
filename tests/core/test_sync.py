"""However the sending to loggers ends, it is told, with what to do about it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ftk.cli import follow
from ftk.errors import FtkError
from ftk.runs import driver


def _synced(folder: Path) -> dict[str, Any]:
    """What the driver's last event says."""
    told: list[dict[str, Any]] = []
    run: Any = SimpleNamespace(
        folder=folder, id="r", events=SimpleNamespace(emit=lambda kind, **fields: told.append(fields))
    )
    code = driver._sync(run, ["jsonl"])
    [word] = told
    assert word["code"] == code
    return word


def test_a_file_in_place_of_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "loggers").touch()
    word = _synced(tmp_path)
    assert word["message"] == f"{tmp_path}/loggers: File exists"
    assert "a file has the name of a folder" in word["remedy"]


def test_a_bug_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "sync", lambda run, names: 1 / 0)
    assert _synced(tmp_path)["message"] == "ZeroDivisionError: division by zero"


def test_where_the_driver_is_killed_it_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "POLL", 0)
    backend = SimpleNamespace(activity=lambda run_id: "idle", list=lambda run_id, path: [])
    record: Any = SimpleNamespace(backend=backend, id="r")
    with pytest.raises(FtkError, match="died without a word") as caught:
        follow.follow_own(record, 0, "sync")
    assert caught.value.remedy == "`ftk logs r` may tell why; `ftk sync r` goes on"
