"""What is asked is text, and answers are written where a person wants them."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftk.cli import answering
from ftk.cli.talking import Wish, talk_with_server
from ftk.runs.questions import Answers

Called = Callable[..., tuple[int, str, str]]

BYTES = os.fsdecode(b"a\xff")
"""An argument that is no UTF-8, as Python gets it."""


def test_a_link_to_a_file_stays_a_link(call: Called, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(questions: Any, options: Any, show: Any) -> Answers:
        return Answers([{"text": "six"}], 0, 0)

    monkeypatch.setattr(answering, "run_answers", lambda *arguments, **options: ({}, ask))
    (tmp_path / "prompts.jsonl").write_text('"how many?"\n')
    (tmp_path / "link").symlink_to("answers.jsonl")
    for _ in range(2):
        assert call("infer", "--input", "prompts.jsonl", "--output", "link") == (0, "", "")
        assert (tmp_path / "link").is_symlink()
        assert json.loads((tmp_path / "answers.jsonl").read_text()) == {"prompt": "how many?", "text": "six"}


@pytest.mark.parametrize("target", ["prompts.jsonl", "./link", "hard"])
def test_answers_do_not_take_the_place_of_the_questions(call: Called, tmp_path: Path, target: str) -> None:
    (tmp_path / "prompts.jsonl").write_text('"how many?"\n')
    (tmp_path / "link").symlink_to("prompts.jsonl")
    (tmp_path / "hard").hardlink_to(tmp_path / "prompts.jsonl")
    code, output, errors = call("infer", "--input", "prompts.jsonl", "--output", target)
    assert (code, output) == (2, "")
    assert errors.startswith(f"error: --output {Path(target)} is the file of the questions\n  name another")
    assert (tmp_path / target).read_text() == '"how many?"\n'


@pytest.mark.parametrize("more", [[], ["--url", "http://127.0.0.1:9"]])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_prompt_that_is_no_utf8_is_told_before_anybody_is_asked(
    call: Called, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str], encoding: str
) -> None:
    (tmp_path / "typed").write_bytes(b"a\xff\n")
    remedy = "write whole characters, in that encoding"
    for arguments, place in {("-",): "PROMPT", (BYTES,): "PROMPT", ("--field", f"question={BYTES}"): "--field"}.items():
        told = f"error: {place}: is no text in UTF-8; {remedy}\n"
        with (tmp_path / "typed").open(encoding=encoding) as typed:
            monkeypatch.setattr("sys.stdin", typed)
            assert call("infer", *arguments, *more) == (2, "", told)


def test_a_file_without_a_question_makes_no_file_of_answers(call: Called, tmp_path: Path) -> None:
    (tmp_path / "prompts.jsonl").write_text("\n")
    code, output, errors = call("infer", "--input", "prompts.jsonl", "--output", "answers.jsonl")
    assert (code, output) == (2, "")
    assert errors.startswith("error: prompts.jsonl: there are no questions\n")
    assert not (tmp_path / "answers.jsonl").exists()


def test_a_line_of_a_talk_that_is_no_utf8_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "typed").write_bytes(b"a\xff\n\xff\n")
    with (tmp_path / "typed").open(encoding="utf-8") as typed:
        monkeypatch.setattr("sys.stdin", typed)
        talk_with_server("http://127.0.0.1:9", "model", None, Wish(False, None, {}))
    assert capsys.readouterr().err.count("error: what is asked is no text in UTF-8\n") == 2


def test_a_terminal_of_another_encoding_ends_no_talk(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, theirs = os.openpty()
    os.write(ours, b"\xff\n/quit\n")
    with os.fdopen(theirs, encoding="utf-8") as typed:
        monkeypatch.setattr("sys.stdin", typed)
        talk_with_server("http://127.0.0.1:9", "model", None, Wish(False, None, {}))
    os.close(ours)
    assert "error: the line is no text in UTF-8\n" in capsys.readouterr().err
