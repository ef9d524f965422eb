"""The prompts of a generation: read from JSON lines, and put into batches that cost little padding."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MAX_NEW_TOKENS = 256
"""How long a completion gets where a prompt does not say."""


@dataclass(frozen=True)
class Options:
    """How a prompt is completed.

    :param max_new_tokens: where a completion is cut off.
    :param temperature: 0 for the most probable completion, more for a drawn one.
    """

    max_new_tokens: int
    temperature: float


@dataclass(frozen=True)
class Prompt:
    """One line of the file of prompts.

    :param number: its place in the file.
    """

    number: int
    input_ids: list[int]
    options: Options


def read_prompts(path: Path, tokenizer: "PreTrainedTokenizerBase") -> list[Prompt]:
    """The prompts in a file; those given as text become token ids as the tokenizer has them."""
    lines = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    return [_prompt(number, line, tokenizer) for number, line in enumerate(lines)]


def _prompt(number: int, line: dict[str, Any], tokenizer: "PreTrainedTokenizerBase") -> Prompt:
    ids = line["input_ids"] if "input_ids" in line else tokenizer(line["prompt"])["input_ids"]
    options = Options(line.get("max_new_tokens", MAX_NEW_TOKENS), line.get("temperature", 0.0))
    return Prompt(number, ids, options)


def batches(prompts: Sequence[Prompt], size: int) -> Iterator[list[Prompt]]:
    """Batches of at most `size` prompts that share their options and are about equally long."""

    def order(prompt: Prompt) -> tuple[int, float, int]:
        return prompt.options.max_new_tokens, prompt.options.temperature, len(prompt.input_ids)

    for _, group in groupby(sorted(prompts, key=order), key=lambda prompt: prompt.options):
        alike = list(group)
        for start in range(0, len(alike), size):
            yield alike[start : start + size]
