"""The backend keeps runs, and works on them."""

from pathlib import Path

import pytest
from ftk_myplugin import MypluginBackend

from ftk.plugin import Home
from ftk.testing.plugins import problems_of


def test_a_run_is_there_as_it_was_drafted(tmp_path: Path) -> None:
    draft = tmp_path / "draft"
    draft.mkdir()
    (draft / "resolved.yml").write_text("base_model: x\n")
    backend = MypluginBackend(Home(tmp_path / "runs", tmp_path / "cache"))
    backend.create("ftk-1", draft)
    assert backend.runs() == ["ftk-1"]
    assert backend.open("ftk-1", "resolved.yml").read() == b"base_model: x\n"
    with pytest.raises(FileNotFoundError):
        backend.open("ftk-1", "nothing")


def test_it_keeps_the_rules_of_backends() -> None:
    assert problems_of("myplugin") == []
