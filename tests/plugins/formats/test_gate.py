"""Data that would train badly are refused."""

from collections.abc import Mapping
from typing import Any

import pytest

from ftk.plugin import UNTRAINED, Config, FtkError, ProblemsFound, RowTokenizer, TokenisedRow, complete
from ftk_formats.gate import BLOCK, MaskGate

EOS = 1


@pytest.fixture
def make_gate(tokenizer: RowTokenizer) -> Any:
    """Makes a gate for rows of 2 to 10 tokens."""

    def make(excess: str = "drop", **limits: Any) -> MaskGate:
        keys = {"sequence_len": 10, "min_sample_len": 2, "excess_length_strategy": excess}
        return MaskGate(tokenizer, Config({**keys, "ftk": {"data": complete(limits, BLOCK)}}))

    return make


def row(length: int = 4, trained: int = 2, end: int = EOS) -> TokenisedRow:
    """A row whose last tokens are trained."""
    ids = [*range(5, 4 + length), end]
    return TokenisedRow(ids, [UNTRAINED] * (length - trained) + ids[length - trained :], length - trained)


def test_a_good_row_is_admitted(make_gate: Any) -> None:
    assert make_gate().admit(row(), "rows:1") == row()


def test_a_row_of_just_the_longest_length_is_admitted(make_gate: Any) -> None:
    gate = make_gate()
    assert gate.admit(row(10), "rows:1")
    assert not gate.admit(row(11), "rows:2")
    assert (gate.seen, gate.truncated) == (2, 1)


def judge(gate: MaskGate, rows: Mapping[str, TokenisedRow]) -> None:
    """Let rows, each with its place, pass the gate."""
    for place, item in rows.items():
        gate.admit(item, place)
    gate.close()


def test_a_row_without_a_trained_token_is_refused_by_its_place(make_gate: Any) -> None:
    with pytest.raises(ProblemsFound, match=r"^rows:7: no token of this row is trained"):
        judge(make_gate(allow_untrained_eos=True), {"rows:6": row(), "rows:7": row(trained=0)})


def test_bad_rows_are_told_together_up_to_a_limit(make_gate: Any) -> None:
    rows = {f"rows:{number}": row(trained=2 * (number % 2)) for number in range(10)}
    with pytest.raises(ProblemsFound) as found:
        judge(make_gate(), rows)
    assert [problem.place for problem in found.value.problems] == [f"rows:{number}" for number in range(0, 10, 2)]
    with pytest.raises(ProblemsFound) as found:
        judge(make_gate(max_problems=2), rows)
    assert [str(problem).partition(";")[0] for problem in found.value.problems] == [
        "rows:0: no token of this row is trained",
        "rows:2: no token of this row is trained",
        "rows:2: 2 bad rows",
    ]


def test_a_row_whose_end_is_not_trained_is_refused_unless_that_is_allowed(make_gate: Any) -> None:
    with pytest.raises(ProblemsFound, match=r"^rows:7: the end-of-sequence token of this row is not trained") as error:
        judge(make_gate(), {"rows:7": row(end=9)})
    assert "ftk.data.allow_untrained_eos: true" in str(error.value)
    assert make_gate(allow_untrained_eos=True).admit(row(end=9), "rows:7")


@pytest.mark.parametrize(("short", "long"), [(20, 0), (19, 1), (95, 5)])
def test_a_few_rows_that_are_too_long_are_left_out(make_gate: Any, short: int, long: int) -> None:
    gate = make_gate()
    assert all(gate.admit(row(), "x") for _ in range(short))
    assert not any(gate.admit(row(11), "x") for _ in range(long))
    gate.close()


def test_too_many_are_refused_unless_that_is_allowed(make_gate: Any) -> None:
    rows = {f"rows:{number}": row(length) for number, length in enumerate((4, 4, 4, 11))}
    with pytest.raises(FtkError, match=r"1 of 4 rows \(25%\) are longer than sequence_len 10") as error:
        judge(make_gate(), rows)
    assert "ftk.data.max_truncated" in str(error.value.remedy)
    with pytest.raises(FtkError):
        judge(make_gate(max_truncated=0.24), rows)
    judge(make_gate(max_truncated=0.25), rows)


def test_all_rows_left_out_is_never_allowed(make_gate: Any) -> None:
    gate = make_gate(max_truncated=1)
    gate.admit(row(11), "x")
    with pytest.raises(FtkError, match=r"1 of 1 rows \(100%\)"):
        gate.close()


def test_a_row_that_is_too_long_is_cut_where_that_is_wanted(make_gate: Any) -> None:
    gate = make_gate("truncate")
    cut = gate.admit(row(12, trained=6), "x")
    assert cut == TokenisedRow(row(12).input_ids[:10], row(12, trained=6).labels[:10], 6)
    assert gate.admit(row(13, trained=3), "x") is None  # nothing that is trained is left of it
    gate.close()
    assert gate.truncated == 2


def test_a_row_that_is_too_long_is_refused_where_that_is_wanted(make_gate: Any) -> None:
    with pytest.raises(ProblemsFound, match=r"^rows:3: this row has 11 tokens, more than sequence_len 10"):
        judge(make_gate("raise"), {"rows:3": row(11)})


def test_a_row_that_is_too_short_is_left_out_and_counted(make_gate: Any) -> None:
    gate = make_gate()
    assert gate.admit(TokenisedRow([EOS], [EOS], 0), "x") is None
    assert gate.admit(row(2), "x")
    gate.close()
    assert gate.short == 1
