"""The format says which part of a row is learned."""

import pytest
from ftk_myplugin import MypluginFormat

from ftk.plugin import RowError
from ftk.testing.plugins import problems_of


def test_the_answer_is_learned_and_the_question_is_not() -> None:
    question, answer = MypluginFormat().segments({"question": "Who?", "answer": "Ada."}, {}, train_on_inputs=False)
    assert (question.trained, answer.trained, answer.ends) == (False, True, True)


def test_a_row_without_an_answer_is_refused() -> None:
    with pytest.raises(RowError, match="answer"):
        MypluginFormat().segments({"question": "Who?"}, {}, train_on_inputs=False)


def test_it_keeps_the_rules_of_formats() -> None:
    assert problems_of("myplugin") == []
