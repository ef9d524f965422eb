"""The course of a training from its events, and its curves."""

from typing import Any

import pytest

from ftk.cli.curves import draw
from ftk.runs.course import Course
from ftk.runs.events import Event


def training(start: int, time: float = 0) -> Event:
    return Event(time, "training", {"start_step": start})


def metrics(step: int, **values: Any) -> Event:
    return Event(step, "metrics", {"step": step, "steps": 4, **values})


def test_metrics_are_series_by_name() -> None:
    events = [training(0), metrics(1, loss=2.0, tokens_per_second=10), metrics(2, loss=1), metrics(2, eval_loss=1.5)]
    course = Course.of([*events, Event(3, "notice", {"message": "x"}), metrics(3, loss=0.5, tokens_per_second=30)])
    assert course.series["loss"] == [(1, 2.0), (2, 1.0), (3, 0.5)]
    assert dict(course.losses()) == {"training loss": course.series["loss"], "eval loss": [(2, 1.5)]}
    assert course.tokens_per_second == 20


def test_steps_that_were_done_again_count_once() -> None:
    first = [training(0), metrics(1, loss=3), metrics(2, loss=2), metrics(3, loss=9)]
    course = Course.of([*first, training(2), metrics(3, loss=1), metrics(4, loss=0)])
    assert course.series["loss"] == [(1, 3.0), (2, 2.0), (3, 1.0), (4, 0.0)]
    assert Course.of([*first, training(0)]).series["loss"] == []


def test_nothing_reported_is_no_curve() -> None:
    course = Course.of([])
    assert (list(course.losses()), course.tokens_per_second) == ([], None)


def test_a_falling_curve_is_drawn() -> None:
    lines = list(draw({"training loss": [(0, 3.0), (10, 0.0)]}, width=20, height=3))
    assert lines == [
        "       3 ┤⠑⠢⢄⡀",
        "         │   ⠈⠒⠤⡀",
        "       0 ┤      ⠈⠑⠢⢄",
        "         └──────────",
        "          0       10",
        "          ⠤ training loss",
    ]


@pytest.mark.parametrize(
    ("curves", "marks"),
    [
        ({"a": [(1, 1.0)]}, 0),
        ({"a": [(1, 1.0), (2, 1.0)]}, 0),
        ({"a": [(1, 5.0), (9, 1.0)], "b": [(3, 2.0), (6, 4.0)]}, 2),
        ({"a": [(1, 1e-9), (10**6, 1e9)], "b": [(5, -3.0)]}, 1),
    ],
)
def test_any_points_fit_the_diagram(curves: dict[str, Any], marks: int) -> None:
    *rows, axis, scale, legend = draw(curves, width=40, height=5)
    assert len(rows) == 5
    assert sum(row.count("o") for row in rows) == marks
    assert max(map(len, rows)) <= 40
    assert axis == "         └" + "─" * 30
    assert len(scale) == 40
    assert legend.count("o ") == len(curves) - 1
