"""Questions to a model, from a file of JSON lines."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ftk.errors import ProblemsFound, UsageError
from ftk.runs.questions import Question, read_questions, requests_of


def write(folder: Path, *lines: str) -> Path:
    path = folder / "q.jsonl"
    path.write_text("\n".join(lines))
    return path


def test_texts_prompts_and_fields_are_questions(tmp_path: Path) -> None:
    rows = ["hello", {"prompt": "a\u2028b"}, {"question": "why", "n": 1}]
    path = write(tmp_path, json.dumps(rows[0]), json.dumps(rows[1], ensure_ascii=False), "", json.dumps(rows[2]))
    questions = read_questions(path)
    assert [question.fields for question in questions] == [{"prompt": "hello"}, *rows[1:]]
    assert [question.place for question in questions] == [f"{path}:{number}" for number in (1, 2, 4)]
    assert [question.is_plain for question in questions] == [True, True, False]


def test_a_file_without_a_question_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"q\.jsonl: there are no questions"):
        read_questions(write(tmp_path, "", "  "))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "is no JSON"),
        ("nothing", "is no JSON"),
        ("3", "is 3, neither a text nor an object"),
        ("null", "is null, neither a text nor an object"),
        ('["a"]', "neither a text nor an object"),
        ("{}", "there is nothing to ask"),
        ('""', "there is nothing to ask"),
        ('{"prompt": null}', "`prompt` is None, not text"),
        ('{"prompt": ["a"]}', "not text"),
        ('"a\\ud800"', "is no text in UTF-8"),
        ('{"question": ["\\ud800"]}', "is no text in UTF-8"),
    ],
)
def test_each_bad_line_is_told_with_its_number(tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(ProblemsFound) as error:
        read_questions(write(tmp_path, line, '"good"', line))
    first, second = map(str, error.value.problems)
    assert first.startswith(f"{tmp_path}/q.jsonl:1: ")
    assert second.startswith(f"{tmp_path}/q.jsonl:3: ")
    assert problem in first


def test_fields_of_a_format_that_only_the_engine_knows_make_no_prompt() -> None:
    config = {"datasets": [{"path": "data.jsonl", "type": "engines.own"}]}
    run: Any = SimpleNamespace(id="one", config=config, dataset_formats=dict)
    plain = Question("1", {"prompt": "hello"})
    assert list(requests_of([plain], run)) == [{"prompt": "hello"}]
    with pytest.raises(UsageError, match=r"engines\.own is known to the engine of one alone\n.*give the prompt as it"):
        list(requests_of([plain, Question("2", {"question": "why"})], run))
