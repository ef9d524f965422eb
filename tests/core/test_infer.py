"""Answers are written where a person wants them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftk.cli import answering
from ftk.runs.questions import Answers


def test_a_link_to_a_file_stays_a_link(
    call: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(questions: Any, options: Any, show: Any) -> Answers:
        return Answers([{"text": "six"}], 0, 0)

    monkeypatch.setattr(answering, "run_answers", lambda *arguments, **options: ({}, ask))
    (tmp_path / "prompts.jsonl").write_text('"how many?"\n')
    (tmp_path / "link").symlink_to("answers.jsonl")
    for _ in range(2):
        assert call("infer", "--input", "prompts.jsonl", "--output", "link") == (0, "", "")
        assert (tmp_path / "link").is_symlink()
        assert json.loads((tmp_path / "answers.jsonl").read_text()) == {"prompt": "how many?", "text": "six"}
