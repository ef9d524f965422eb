"""What is recorded of a call stays until that has ended, so that no command is lost sight of."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ftk.plugin import FtkError
from ftk_modal import calls, mirror
from ftk_modal.calls import Caller, Work
from ftk_modal.inside import SUPERSEDED
from ftk_modal.states import CallFailed
from ftk_modal.troubles import Trouble
from ftk_modal.volume import Entry


class Shelf:
    """A volume in memory."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}

    def entries(self, path: str, recursive: bool = False) -> list[Entry]:
        return [Entry(name, False, len(content), 1) for name, content in self.content.items()]

    def read(self, path: str) -> bytes:
        if path not in self.content:
            raise FileNotFoundError(path)
        return self.content[path]

    def write(self, content: dict[str, bytes]) -> None:
        self.content.update(content)

    def remove(self, path: str) -> None:
        self.content.pop(path, None)


@pytest.mark.parametrize(
    ("outcome", "told", "is_kept"),
    [
        (SUPERSEDED, "another driver has begun the same command", True),  # whose record it is
        (Trouble("Modal is away"), "Modal is away", True),
        (CallFailed("it has died"), "it has died", False),
    ],
)
def test_a_record_goes_with_the_end_of_its_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: Any, told: str, is_kept: bool
) -> None:
    def result_of(call: Any, wait: float) -> int:
        if isinstance(outcome, FtkError):
            raise outcome
        return int(outcome)

    monkeypatch.setattr(mirror, "HERE", tmp_path / "runs")
    monkeypatch.setattr(mirror, "STATE", tmp_path / "state")
    monkeypatch.setattr(calls, "PATIENCE", -1.0)
    monkeypatch.setattr(calls, "result_of", result_of)
    (tmp_path / "state").mkdir()
    shelf: Any = Shelf()
    function: Any = SimpleNamespace(spawn=lambda order: SimpleNamespace(object_id="fc-1"))
    work = Work(("train",), {}, None, "events/train.jsonl", None, ())
    with pytest.raises(FtkError, match=told):
        Caller(mirror.Mirror(shelf, "r")).execute(function, work)
    assert (f"r/{work.record}" in shelf.content) is is_kept
