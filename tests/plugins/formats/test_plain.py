"""Running text, labelled pieces, and token ids."""

from typing import Any

import pytest

from ftk.plugin import UNTRAINED, RowError, RowTokenizer, Segment, TokenisedRow, complete
from ftk_formats.plain import Completion, InputOutput, Tokenised


def test_a_text_is_learned_as_a_whole_and_may_be_divided(tokenizer: RowTokenizer) -> None:
    form = Completion()
    segments = form.segments({"body": "w1 w2 w3 w4"}, complete({"field": "body"}, form.schema), False)
    [row] = tokenizer.rows([segments])
    assert isinstance(row, TokenisedRow)
    parts = list(row.parts(2))
    assert [part.input_ids for part in parts] == [row.input_ids[:2], row.input_ids[2:4], [tokenizer.eos]]
    assert [part.goes_on for part in parts] == [True, True, False]
    assert list(row.parts(5)) == [row]


def test_pieces_say_whether_they_are_trained() -> None:
    row = {"segments": [{"label": False, "text": "w1"}, {"label": True, "text": " w2"}]}
    expected = [Segment("w1", trained=False, bare=True), Segment(" w2", trained=True, bare=True)]
    assert InputOutput().segments(row, {}, False) == expected
    assert all(segment.trained for segment in InputOutput().segments(row, {}, True))


@pytest.mark.parametrize("piece", ["x", {"text": "x"}, {"label": True}, {"label": 1, "text": "x"}])
def test_a_piece_that_is_none_is_told(piece: Any) -> None:
    with pytest.raises(RowError, match=r"`segments\[0\]` is "):
        InputOutput().segments({"segments": [piece]}, {}, False)
    with pytest.raises(RowError, match="no segment is trained"):
        InputOutput().segments({"segments": [{"label": False, "text": "x"}]}, {}, False)


def test_token_ids_are_taken_as_they_are(tokenizer: RowTokenizer) -> None:
    labels = [UNTRAINED, 4, UNTRAINED, 6]
    row = {"input_ids": [3, 4, 5, 6], "labels": labels, "attention_mask": [1, 1, 1, 1]}
    found = Tokenised().bound(tokenizer, {}).segments(row, {}, False)
    assert found == TokenisedRow([3, 4, 5, 6], labels, answer_start=3)
    assert tokenizer.rows([found]) == [found]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": None}, "the field `labels` is None"),
        ({"labels": [1]}, "`labels` has 1 items, `input_ids` 2"),
        ({"labels": [3, 9]}, "`labels` differs from `input_ids`"),
        ({"attention_mask": [1, 0]}, "`attention_mask` is not a 1 for each token"),
        ({"labels": [3, -1]}, "`labels` differs from `input_ids`"),
        ({"input_ids": [1, "2"]}, "the field `input_ids` holds '2'"),
        ({"input_ids": [1.0, 2]}, "the field `input_ids` holds 1.0"),
        ({"labels": [True, 4]}, "the field `labels` holds True"),
        ({"input_ids": [1, 9999]}, "holds 9999, but the tokenizer has"),
        ({"input_ids": [3, -5], "labels": [3, -5]}, "the field `input_ids` holds -5, which is the id of no token"),
        ({"input_ids": [3, -100], "labels": [3, -100]}, "the field `input_ids` holds -100, which is the id of no"),
    ],
)
def test_bad_token_ids_are_told(tokenizer: RowTokenizer, change: Any, message: str) -> None:
    row = {"input_ids": [3, 4], "labels": [3, 4], **change}
    with pytest.raises(RowError, match=message):
        Tokenised().bound(tokenizer, {}).segments(row, {}, False)


@pytest.mark.parametrize("token", [-1, 2**31, 10**30])
def test_what_is_no_id_for_any_tokenizer_is_told_before_there_is_one(token: int) -> None:
    with pytest.raises(RowError, match=f"the field `input_ids` holds {token}, which is the id of no token"):
        Tokenised().segments({"input_ids": [3, token], "labels": [3, token]}, {}, False)
