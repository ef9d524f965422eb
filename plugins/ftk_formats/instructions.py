"""Formats of one instruction and its answer, in the words that axolotl gives them: alpaca and its kin."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ftk.plugin import DatasetFormat, Schema, Segment, Turns
from ftk_formats import fields
from ftk_formats.user_defined import MARK

NO_OPTIONS: Schema = {"type": "object", "additionalProperties": False, "properties": {}}


@dataclass(frozen=True)
class Turn:
    """How a question is put.

    :param with_input: with {instruction} and {input}.
    :param without: with {instruction} alone, where there is no input.
    :param system: with {system}; what stands before it where there is a system prompt.
    """

    with_input: str
    without: str
    system: str


@dataclass(frozen=True)
class System:
    """What stands before a question that has an input, and before one that has none."""

    with_input: str
    without: str


@dataclass(frozen=True)
class Parts:
    """What a row says; `system` where it brings its own."""

    instruction: str
    given: str
    answer: str
    system: str = ""


Read = Callable[[Mapping[str, Any]], Parts]

INSTRUCT = Turn(
    "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:\n",
    "### Instruction:\n{instruction}\n\n### Response:\n",
    "{system}\n\n",
)
CHAT = Turn("USER: {instruction}\n{input}\nASSISTANT:", "USER: {instruction}\nASSISTANT:", "SYSTEM: {system}\n")
CHATML = Turn(
    "<|im_start|>user\n{instruction}\n{input}<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|>user\n{instruction}<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|>system\n{system}<|im_end|>\n",
)
PHI = Turn(
    "<|user|>\n{instruction}<|end|>{input}<|assistant|>",
    "<|user|>\n{instruction}<|end|>\n<|assistant|>\n",
    "<|system|>\n{system}<|end|>\n",
)
STYLES = {"": INSTRUCT, ":instruct": INSTRUCT, ":chat": CHAT, ":chatml": CHATML, ":phi": PHI}
"""By what may follow a format's name."""

PLAIN = Turn(CHAT.with_input, CHAT.without, "{system}")
TLDR = Turn(
    "USER: Summarize the following article as a TL;DR.\n{instruction}\n{input}\nASSISTANT:",
    "USER: Summarize the following article as a TL;DR.\n{instruction}\nASSISTANT:",
    "{system}",
)
ORCA = Turn(
    "### Human:\n{instruction}\n### Additional Context:\n{input}\n### Assistant:\n",
    "### Human:\n{instruction}\n### Assistant:\n",
    "### System:\n{system}\n",
)
ORCA_MINI = Turn("", "### User:\n{instruction}\n\n### Response:\n", "### System:\n{system}\n\n")
BARE = Turn("{instruction}\n{input}", "{instruction}", "{system}")

ALPACA = System(
    "Below is an instruction that describes a task, paired with an input that provides further context. Write a"
    " response that appropriately completes the request.",
    "Below is an instruction that describes a task. Write a response that appropriately completes the request.",
)
CONCISE = System(
    "Below is an instruction from a USER that describes a task, paired with an input that provides further context."
    " The ASSISTANT writes a response that concisely and appropriately completes the request.\n\n",
    "Below is an instruction from a USER that describes a task. The ASSISTANT writes a response that appropriately"
    " and concisely completes the request.\n\n",
)
EXPLAIN = System(*["Choose the answer that best answers the question. Explain your reasoning.\n"] * 2)
CHOOSE = System(*["Choose the answer that best answers the question. Be concise in your response.\n\n"] * 2)
CONTEXT = System(*["Use the following contextual information to concisely answer the question.\n"] * 2)
NONE = System("", "")

UNANSWERABLE = (
    "The context provided does not contain any information about your inquiry. Therefore, I'm unable to answer your"
    " question based on the given context."
)


EXAMPLE = {
    **dict.fromkeys(
        ("instruction", "question", "INSTRUCTION", "article", "message_1", "unanswerable_question"), "2+2?"
    ),
    **dict.fromkeys(("output", "response", "answer", "RESPONSE", "summary", "message_2", "solution"), "4"),
    "context": "sums",
    "choices": ["3", "4"],
}
"""A row of all these formats at once."""


@dataclass
class Instructions:
    """An instruction and its answer.

    :param name: what a config's `type` says.
    :param turn: how the question is put.
    :param system: what stands before it; None where each row brings its own.
    :param read: what a row says.
    :param always: whether the system prompt's frame stands there without one too.
    """

    name: str
    turn: Turn
    system: System | None
    read: Read
    always: bool = False

    revision = 1
    schema = NO_OPTIONS
    example = EXAMPLE

    def segments(self, row: Mapping[str, Any], options: Mapping[str, Any], train_on_inputs: bool) -> Sequence[Segment]:
        """The prompt, which is trained only if asked for, and the answer, which ends the sequence."""
        parts = self.read(row)
        return [
            Segment(self._prompt(parts), trained=train_on_inputs),
            Segment(parts.answer, trained=True, ends=True),
        ]

    def prompt(self, row: Mapping[str, Any], options: Mapping[str, Any]) -> Sequence[Segment]:
        """The prompt alone."""
        return [Segment(self._prompt(self.read(fields.Asked(row))), trained=False)]

    def template(self, options: Mapping[str, Any], own: str | None) -> Turns:
        """What stands around an instruction without an input, or around both in a format whose rows all have one."""
        given = MARK if self.read(self.example).given else ""
        form = self.turn.with_input if given else self.turn.without
        before, _, rest = form.format(instruction=MARK, input=given).partition(MARK)
        before_system, _, after_system = self.turn.system.format(system=MARK).partition(MARK)
        return Turns(
            before=before,
            after=rest.rpartition(MARK)[2],
            system=(self.system.with_input if given else self.system.without) if self.system else "",
            before_system=before_system,
            after_system=after_system,
            without_system=before_system + after_system if self.always else "",
        )

    def _prompt(self, parts: Parts) -> str:
        system, form = parts.system, self.turn.with_input if parts.given else self.turn.without
        if self.system is not None:
            system = self.system.with_input if parts.given else self.system.without
        before = self.turn.system.format(system=system) if system or self.always else ""
        return before + form.format(instruction=parts.instruction, input=parts.given)


def _fields(instruction: str, answer: str, given: str = "", system: str = "") -> Read:
    def read(row: Mapping[str, Any]) -> Parts:
        return Parts(
            fields.text(row, instruction),
            fields.optional_text(row, given) if given else "",
            fields.answer(row, answer),
            fields.optional_text(row, system) if system else "",
        )

    return read


def _jeopardy(row: Mapping[str, Any]) -> Parts:
    category = fields.optional_text(row, "category")
    return Parts(fields.text(row, "question"), category, f"what is {fields.answer(row, 'answer')}")


def _choices(row: Mapping[str, Any]) -> Parts:
    choices = "\n".join(f'- "{choice}"' for choice in fields.items(row, "choices"))
    answer = fields.answer(row, fields.first(row, "solution", "explanation"))
    return Parts(fields.text(row, "question"), choices, answer)


def _asked(question: str) -> Read:
    """A question about an article; one without an answer in it is answered in the same words each time."""

    def read(row: Mapping[str, Any]) -> Parts:
        asked = f"{fields.text(row, 'article')}\n===\n{fields.text(row, question)}"
        return Parts(asked, "", fields.answer(row, "answer") if question == "question" else UNANSWERABLE)

    return read


def _context(row: Mapping[str, Any]) -> Parts:
    asked = f"Context: {fields.text(row, 'context')}\nQuestion: {fields.text(row, 'question')}\n"
    return Parts(asked, "", f"Answer: {fields.answer(row, 'answer')}")


_ALPACA = _fields("instruction", "output", "input")
_WITH_SYSTEM = _fields("instruction", "output", "input", "system")
_OPEN_ORCA = _fields("question", "response", system="system_prompt")


def _styled(name: str, system: System, read: Read, turn: Turn | None = None) -> list[Instructions]:
    """The format in each style; `turn` where that is the same in all."""
    return [Instructions(name + ending, turn or style, system, read) for ending, style in STYLES.items()]


def instruction_formats() -> list[DatasetFormat]:
    """Alpaca and its kin."""
    return [
        *_styled("alpaca", ALPACA, _ALPACA),
        *_styled("gpteacher", ALPACA, _fields("instruction", "response", "input")),
        *_styled("jeopardy", ALPACA, _jeopardy),
        *_styled("oasst", ALPACA, _fields("INSTRUCTION", "RESPONSE")),
        *_styled("explainchoice", EXPLAIN, _choices),
        *_styled("concisechoice", CHOOSE, _choices, PLAIN),
        *_styled("summarizetldr", NONE, _fields("article", "summary"), TLDR),
        Instructions("alpaca_chat", CHAT, ALPACA, _ALPACA),
        Instructions("alpaca_chat.load_concise", CHAT, CONCISE, _ALPACA),
        Instructions("alpaca_chat.load_qa", CHAT, CONCISE, _fields("question", "answer")),
        Instructions("alpaca_chat.load_camel_ai", CHAT, CONCISE, _fields("message_1", "message_2")),
        Instructions("alpaca_chat.load_no_prompt", CHAT, NONE, _ALPACA),
        Instructions("alpaca_instruct", INSTRUCT, ALPACA, _ALPACA),
        Instructions("alpaca_instruct.load_no_prompt", INSTRUCT, NONE, _ALPACA),
        Instructions("alpaca_w_system", CHAT, None, _WITH_SYSTEM),
        Instructions("alpaca_w_system.load_chat", CHAT, None, _WITH_SYSTEM),
        Instructions("alpaca_w_system.load_instruct", INSTRUCT, None, _WITH_SYSTEM),
        Instructions("alpaca_w_system.load_open_orca", ORCA, None, _OPEN_ORCA),
        Instructions("alpaca_w_system.load_open_orca_chatml", CHATML, None, _OPEN_ORCA),
        Instructions("orcamini", ORCA_MINI, None, _OPEN_ORCA, always=True),
        Instructions("context_qa", CHAT, CONTEXT, _asked("question")),
        Instructions("context_qa.load_404", CHAT, CONTEXT, _asked("unanswerable_question")),
        Instructions("context_qa.load_v2", BARE, NONE, _context),
    ]
