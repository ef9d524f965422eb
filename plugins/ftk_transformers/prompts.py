"""The prompts of a generation: read from JSON lines, and put into batches that cost little padding."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftk.files import read_json_lines

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MAX_NEW_TOKENS = 256
"""How long a completion gets where a prompt does not say."""


@dataclass(frozen=True)
class Options:
    """How a prompt is completed.

    :param max_new_tokens: where a completion is cut off.
    :param temperature: 0 for the most probable completion, more for a drawn one.
    :param top_p: draw from the most probable tokens that have this share together.
    :param top_k: draw from so many of the most probable tokens; 0 for all.
    :param seed: makes what is drawn repeatable; None for another draw each time.
    :param stop: texts at the first of which a completion ends, without it.
    :param stream: whether the completion, of the only prompt, is told as it comes.
    """

    max_new_tokens: int = MAX_NEW_TOKENS
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    stream: bool = False

    @classmethod
    def of(cls, line: dict[str, Any]) -> "Options":
        """The options in a line of the file of prompts."""
        given = {item.name: line[item.name] for item in fields(cls) if item.name in line}
        return cls(**{**given, "stop": tuple(given.get("stop") or ())})


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
    return [_prompt(number, line, tokenizer) for number, line in enumerate(read_json_lines(path))]


def _prompt(number: int, line: dict[str, Any], tokenizer: "PreTrainedTokenizerBase") -> Prompt:
    ids = line["input_ids"] if "input_ids" in line else tokenizer(line["prompt"])["input_ids"]
    return Prompt(number, ids, Options.of(line))


def batches(prompts: Sequence[Prompt], size: int) -> Iterator[list[Prompt]]:
    """Batches of at most `size` prompts that share their options and are about equally long."""
    groups: dict[Options, list[Prompt]] = {}
    for prompt in sorted(prompts, key=lambda prompt: len(prompt.input_ids)):
        groups.setdefault(prompt.options, []).append(prompt)
    for alike in groups.values():
        for start in range(0, len(alike), size):
            yield alike[start : start + size]
