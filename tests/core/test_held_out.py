"""Rows that are measured: what of them is asked, and what is expected."""

from types import SimpleNamespace
from typing import Any

import pytest

from ftk.artifacts import Artifact, StagedData
from ftk.data.staged_rows import Part, StagedRow
from ftk.errors import UsageError
from ftk.runs.held_out import _data, _halves, _labelled
from ftk.runs.pipeline import Outcome

T, F = True, False


@pytest.mark.parametrize(
    ("parts", "prompt", "answer"),
    [
        ([Part("", [1, 2, 3, 4], [F, F, T, T])], [1, 2], [3, 4]),
        ([Part("", [1, 2, 3, 4, 5, 6], [F, T, F, F, T, F])], [1, 2, 3, 4], [5, 6]),
        ([Part("", [1, 2], [T, T])], [], [1, 2]),
        ([Part("prompt", [1], [F]), Part("chosen", [2, 3], [T, T]), Part("rejected", [4], [T])], [1], [2, 3]),
        ([Part("prompt", [1], [F]), Part("completion", [2], [T])], [1], [2]),
    ],
)
def test_the_last_answer_is_expected(parts: list[Part], prompt: list[int], answer: list[int]) -> None:
    assert _halves(StagedRow("eval", 1, parts)) == (prompt, answer)


def test_only_what_is_trained_carries_loss() -> None:
    row = StagedRow("eval", 1, [Part("", [7, 8, 9], [F, T, T])])
    assert _labelled(row) == {"input_ids": [7, 8, 9], "labels": [-100, 8, 9]}


@pytest.mark.parametrize("file", [None, "rows.jsonl"])
def test_rows_that_were_left_to_the_engine_are_not_measured(file: str | None) -> None:
    raw = StagedData(
        Artifact("run", "rows"), "", train_rows=0, eval_rows=0, tokens=0, trained_tokens=0, truncated_rows=0
    )
    run: Any = SimpleNamespace(id="one")
    manager: Any = None
    with pytest.raises(UsageError, match="one has left its rows to its engine"):
        _data(run, manager, Outcome(data=raw), Artifact("run", "scratch"), file)
