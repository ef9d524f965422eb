"""Answers that are written down while a generation works, and the batches of what is left."""

from pathlib import Path

import pytest

from ftk_transformers.answers import Answers
from ftk_transformers.prompts import Options, Prompt, batches


def answer(text: str) -> dict[str, str]:
    return {"text": text}


def test_answers_are_kept_across_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "out.answers"
    first = Answers(path)
    assert (len(first), first.lines()) == (0, "")
    first.add({2: answer("c\n\u2028"), 0: answer("ä")})
    with path.open("a") as stream:
        stream.write('[1, {"text": "torn')
    second = Answers(path)
    assert [number in second for number in range(3)] == [True, False, True]
    second.add({1: answer("b")})
    assert Answers(path).lines() == second.lines() == '{"text": "ä"}\n{"text": "b"}\n{"text": "c\\n\u2028"}\n'


def test_options_come_from_the_line_and_have_defaults() -> None:
    assert Options.of({"prompt": "x"}) == Options(256, 0.0, 1.0, 0, None, ())
    line = {"max_new_tokens": 3, "temperature": 1.5, "top_p": 0.9, "top_k": 40, "seed": 7, "stop": ["!", "?"]}
    assert Options.of(line) == Options(3, 1.5, 0.9, 40, 7, ("!", "?"))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_batch_shares_its_options(size: int) -> None:
    options = [Options(), Options(seed=1), Options(stop=("!",))]
    prompts = [Prompt(number, [0] * (number % 4 + 1), options[number % 3]) for number in range(12)]
    found = list(batches(prompts, size))
    assert sorted(prompt.number for batch in found for prompt in batch) == list(range(12))
    assert all(len(batch) <= size and len({prompt.options for prompt in batch}) == 1 for batch in found)
    for batch in found:
        lengths = [len(prompt.input_ids) for prompt in batch]
        assert lengths == sorted(lengths)
