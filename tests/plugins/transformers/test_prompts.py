"""What a prompt asks for, and the batches of prompts."""

import pytest

from ftk_transformers.prompts import Options, Prompt, batches


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
