"""Formats for `rl` whose text is written in the markup of ChatML or Llama 3, by the names that axolotl gives them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ftk.plugin import DatasetFormat, Pair, RowError, Unpaired
from ftk_formats import fields
from ftk_formats.instructions import NO_OPTIONS


@dataclass(frozen=True)
class Markup:
    """How turns are written.

    :param turn: with {role} and {content}.
    :param answer: what comes before an answer.
    :param end: what comes after it.
    """

    turn: str
    answer: str
    end: str

    def prompt(self, *turns: tuple[str, str]) -> str:
        """The turns, by role and content, and what comes before an answer."""
        return "".join(self.turn.format(role=role, content=content) for role, content in turns) + self.answer


MARKUPS = {
    "chatml": Markup("<|im_start|>{role}\n{content}<|im_end|>\n", "<|im_start|>assistant\n", "<|im_end|>"),
    "llama3": Markup(
        "<|start_header_id|>{role}<|end_header_id|>\n\n{content}<|eot_id|>",
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
        "<|eot_id|>",
    ),
}

Read = Callable[[Mapping[str, Any], Markup], Pair | Unpaired]


@dataclass
class Marked:
    """A question and its answers, written in the markup of ChatML or Llama 3.

    :param read: what a row says, in the markup.
    """

    name: str
    markup: Markup
    read: Read

    revision = 1
    schema = NO_OPTIONS

    @property
    def example(self) -> Mapping[str, Any]:
        """A row of it."""
        talk = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]
        answer = talk if self.read in (_pair_of_chats, _pair_of_answers, _unpaired_chat) else "4"
        questions = dict.fromkeys(("prompt", "input", "question", "instruction"), "2+2?")
        return {**questions, **dict.fromkeys(("chosen", "rejected", "completion"), answer), "label": True}

    def segments(self, row: Mapping[str, Any], options: Mapping[str, Any], train_on_inputs: bool) -> Pair | Unpaired:
        """The row in the markup."""
        return self.read(row, self.markup)


def _asked(row: Mapping[str, Any], question: str, markup: Markup) -> str:
    """The prompt of a question, with the row's `system` before it where there is one."""
    system = fields.optional_text(row, "system")
    turns = [("system", system)] if system else []
    return markup.prompt(*turns, ("user", fields.text(row, question)))


def content(row: Mapping[str, Any], field: str, number: int) -> str:
    """The content of a message in a field that holds a conversation.

    :raises RowError: when it is not there.
    """
    messages = fields.items(row, field)
    try:
        found = messages[number]["content"]
    except (LookupError, TypeError):
        found = None
    if not isinstance(found, str):
        message = f"the field `{field}` has no message {number} with a `content`"
        raise RowError(message, "write a list of objects with `role` and `content`")
    return found


def answer(row: Mapping[str, Any], field: str, number: int) -> str:
    """The content of a message that is learned.

    :raises RowError: when it is blank too.
    """
    return fields.written(content(row, field, number), field)


def _pair(question: str) -> Read:
    def read(row: Mapping[str, Any], markup: Markup) -> Pair:
        answers = (fields.answer(row, name) + markup.end for name in ("chosen", "rejected"))
        return Pair(_asked(row, question, markup), *answers)

    return read


def _any_pair(row: Mapping[str, Any], markup: Markup) -> Pair:
    question = fields.first(row, "prompt", "input", "question", "instruction")
    names = (fields.first(row, name, f"{name}_response") for name in ("chosen", "rejected"))
    return Pair(_asked(row, question, markup), *(fields.answer(row, name) + markup.end for name in names))


def _pair_of_chats(row: Mapping[str, Any], markup: Markup) -> Pair:
    answers = (answer(row, name, 1) + markup.end for name in ("chosen", "rejected"))
    return Pair(markup.prompt(("user", content(row, "chosen", 0))), *answers)


def _pair_of_answers(row: Mapping[str, Any], markup: Markup) -> Pair:
    answers = (answer(row, name, 1) + markup.end for name in ("chosen", "rejected"))
    return Pair(_asked(row, "prompt", markup), *answers)


def label(row: Mapping[str, Any], field: str = "label") -> bool:
    """Whether an answer is good.

    :raises RowError: when the row does not say so.
    """
    found = row.get(field)
    if not isinstance(found, bool):
        raise RowError(
            f"the field `{field}` is {fields.shown(found)}", "write true for a good answer, false for a bad one"
        )
    return found


def _unpaired(question: str) -> Read:
    def read(row: Mapping[str, Any], markup: Markup) -> Unpaired:
        return Unpaired(_asked(row, question, markup), fields.answer(row, "completion") + markup.end, label(row))

    return read


def _unpaired_chat(row: Mapping[str, Any], markup: Markup) -> Unpaired:
    history = fields.items(row, "completion")[:-1]
    said = [content(row, "completion", number) for number in range(len(history))]
    turns = [(fields.text(item, "role"), text) for item, text in zip(history, said, strict=True)]
    return Unpaired(markup.prompt(*turns), answer(row, "completion", -1) + markup.end, label(row))


READERS: Mapping[str, Mapping[str, Read]] = {
    "dpo": {
        "default": _any_pair,
        "argilla_chat": _pair_of_chats,
        "icr": _pair("input"),
        "intel": _pair("question"),
        "prompt_pairs": _pair("prompt"),
        "ultra": _pair_of_answers,
    },
    "kto": {
        "argilla": _unpaired("instruction"),
        "argilla_chat": _unpaired_chat,
        "intel": _unpaired("question"),
        "prompt_pairs": _unpaired("prompt"),
        "ultra": _unpaired("prompt"),
    },
}
"""How the rows of each format are read, by what `rl` calls for and the last part of the name."""


def marked_formats() -> list[DatasetFormat]:
    """All of them."""
    return [
        Marked(f"{family}.{markup}.{name}", MARKUPS[markup], read)
        for family, readers in READERS.items()
        for markup in MARKUPS
        for name, read in readers.items()
    ]
