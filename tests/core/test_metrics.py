"""A person's own measure of answers."""

from pathlib import Path

import pytest

from ftk.errors import FtkError, UsageError
from ftk.runs.evaluating import Measure
from ftk.runs.evaluation import Answer
from ftk.runs.metrics import Metric, load_metric

ANSWERS = [Answer("eval", 7, "2+2?", "4", base="5", tuned="4"), Answer("eval", 9, "1+1?", "2", base="", tuned="3")]


def loaded(folder: Path, body: str) -> Metric:
    (folder / "mine.py").write_text(f"def mine(prompt, answer, expected):\n    return {body}\n")
    return load_metric(f"{folder / 'mine.py'}:mine")


def test_the_means_of_both_models_are_taken(tmp_path: Path) -> None:
    assert loaded(tmp_path, "answer == expected").means(ANSWERS) == (0, 0.5)
    assert loaded(tmp_path, "len(prompt) + len(answer)").means(ANSWERS) == (4.5, 5)


def test_where_there_is_no_finite_mean_none_is_told(tmp_path: Path) -> None:
    for body in ("float('inf' if answer == '5' else '-inf')", "1e308"):
        figures = loaded(tmp_path, body).means([*ANSWERS, *ANSWERS])
        assert Measure.of("mine", 4, figures).base is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("1 / (len(answer) - 1)", "failed at row 7: ZeroDivisionError: division by zero"),
        ("'good'", "failed at row 7: ValueError: could not convert string to float: 'good'"),
        ("None", "failed at row 7: TypeError"),
    ],
)
def test_what_it_does_wrong_is_told_with_the_row(tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(FtkError, match=message) as raised:
        loaded(tmp_path, body).means(ANSWERS)
    assert raised.value.message.startswith(str(tmp_path / "mine.py: mine "))


@pytest.mark.parametrize("named", ["mine.py", ":mine", "absent.py:mine", "mine.py:", "mine.py:other", "mine.py:value"])
def test_no_function_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("value = 3\n")
    with pytest.raises(UsageError):
        load_metric(named)
