"""Data that would train badly are refused."""

from typing import Any

import pytest

from ftk.plugin import UNTRAINED, FtkError, RowTokenizer, TokenisedRow, complete
from ftk_formats.gate import BLOCK, MaskGate

EOS = 1


@pytest.fixture
def make_gate(tokenizer: RowTokenizer) -> Any:
    """Makes a gate for rows of at most 10 tokens."""
    return lambda **limits: MaskGate(tokenizer, 10, complete(limits, BLOCK))


def row(length: int = 4, trained: int = 2, end: int = EOS) -> TokenisedRow:
    """A row whose last tokens are trained."""
    ids = [*range(5, 4 + length), end]
    return TokenisedRow(ids, [UNTRAINED] * (length - trained) + ids[length - trained :], length - trained)


def test_a_good_row_is_admitted(make_gate: Any) -> None:
    assert make_gate().admits(row(), "rows:1")


def test_a_row_of_just_the_longest_length_is_admitted(make_gate: Any) -> None:
    gate = make_gate()
    assert gate.admits(row(10), "rows:1")
    assert not gate.admits(row(11), "rows:2")
    assert (gate.seen, gate.truncated) == (2, 1)


def test_a_row_without_a_trained_token_is_refused_by_its_place(make_gate: Any) -> None:
    with pytest.raises(FtkError, match=r"^rows:7: no token of this row is trained"):
        make_gate(allow_untrained_eos=True).admits(row(trained=0), "rows:7")


def test_a_row_whose_end_is_not_trained_is_refused_unless_that_is_allowed(make_gate: Any) -> None:
    with pytest.raises(FtkError, match=r"^rows:7: the end-of-sequence token of this row is not trained") as error:
        make_gate().admits(row(end=9), "rows:7")
    assert "ftk.data.allow_untrained_eos: true" in str(error.value.remedy)
    assert make_gate(allow_untrained_eos=True).admits(row(end=9), "rows:7")


@pytest.mark.parametrize(("short", "long"), [(20, 0), (19, 1), (95, 5)])
def test_a_few_rows_that_are_too_long_are_left_out(make_gate: Any, short: int, long: int) -> None:
    gate = make_gate()
    assert [gate.admits(row(), "x") for _ in range(short)] == [True] * short
    assert [gate.admits(row(11), "x") for _ in range(long)] == [False] * long
    gate.close()


def test_too_many_are_refused_unless_that_is_allowed(make_gate: Any) -> None:
    def judge(**limits: float) -> None:
        gate = make_gate(**limits)
        for length in (4, 4, 4, 11):
            gate.admits(row(length), "x")
        gate.close()

    with pytest.raises(FtkError, match=r"1 of 4 rows \(25%\) are longer than sequence_len 10") as error:
        judge()
    assert "ftk.data.max_truncated" in str(error.value.remedy)
    with pytest.raises(FtkError):
        judge(max_truncated=0.24)
    judge(max_truncated=0.25)


def test_all_rows_left_out_is_never_allowed(make_gate: Any) -> None:
    gate = make_gate(max_truncated=1)
    gate.admits(row(11), "x")
    with pytest.raises(FtkError, match=r"1 of 1 rows \(100%\)"):
        gate.close()
