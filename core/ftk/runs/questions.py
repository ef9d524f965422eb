"""What a model is asked: prompts as they stand, or fields that the run's own dataset format makes a prompt of."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftk.data.formats import PromptFormat, bind, name_of_format, options_of_format
from ftk.data.rows import RowError
from ftk.errors import Problem, ProblemsFound, UsageError

if TYPE_CHECKING:
    from ftk.runs.run import Run

PROMPT = "prompt"
"""The field of a line that holds a prompt as it stands."""


@dataclass(frozen=True)
class Question:
    """One thing to ask.

    :param place: where it stands, for messages.
    :param fields: `prompt` alone, or the fields of a row of the run's data set.
    """

    place: str
    fields: Mapping[str, Any]

    @property
    def is_plain(self) -> bool:
        """Whether the prompt goes in as it stands."""
        return PROMPT in self.fields

    def problem(self) -> Problem | None:
        """What is wrong with it, whatever the run."""
        prompt = self.fields.get(PROMPT)
        if not _is_text(self.fields):
            return Problem(self.place, "is no text in UTF-8", "write whole characters, in that encoding")
        if self.is_plain and not isinstance(prompt, str):
            return Problem(self.place, f"`{PROMPT}` is {prompt!r}, not text", "put it in quotes")
        if not self.fields or (self.is_plain and not prompt):
            return Problem(self.place, "there is nothing to ask", f"write a `{PROMPT}`, or the fields of a row")
        return None


@dataclass(frozen=True)
class Answers:
    """What a model made of questions.

    :param answers: `text`, `tokens` and `finish` of each, in the questions' order.
    :param tokens: that were generated this time; 0 where the engine does not say.
    :param seconds: that it took, without loading the model.
    """

    answers: list[dict[str, Any]]
    tokens: int
    seconds: float


def read_questions(path: Path) -> list[Question]:
    """The questions in a file of JSON lines: texts, or objects with `prompt` or with the fields of a row.

    :raises UsageError: when the file cannot be read, or asks nothing.
    :raises ProblemsFound: with every line that is no question.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", "name a file of JSON lines") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is no text in UTF-8 (byte {error.start})", "save the file as UTF-8") from None
    found = [_read(f"{path}:{number}", line) for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise UsageError(f"{path}: there are no questions", 'write one a line, such as {"prompt": "hello"}')
    problems = [item if isinstance(item, Problem) else item.problem() for item in found]
    if any(problems):
        raise ProblemsFound([problem for problem in problems if problem])
    return [item for item in found if isinstance(item, Question)]


def _is_text(fields: Mapping[str, Any]) -> bool:
    """Whether all that is asked can be encoded: neither half of a character, nor bytes that a shell passed on."""
    try:
        json.dumps(fields, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _read(place: str, line: str) -> Question | Problem:
    try:
        value = json.loads(line)
    except ValueError as error:
        return Problem(place, f"is no JSON: {error}", 'write one object a line, such as {"prompt": "hello"}')
    if isinstance(value, str):
        return Question(place, {PROMPT: value})
    if isinstance(value, dict):
        return Question(place, value)
    return Problem(place, f"is {line.strip()[:40]}, neither a text nor an object", 'such as {"prompt": "hello"}')


def requests_of(questions: Sequence[Question], run: "Run") -> Iterator[dict[str, Any]]:
    """What `generate` is given for each question: `prompt`, or `input_ids` where the format makes the prompt.

    :raises ProblemsFound: with every question whose fields do not fit the run's data set.
    """
    filled = iter(_filled([item for item in questions if not item.is_plain], run))
    for question in questions:
        yield {PROMPT: question.fields[PROMPT]} if question.is_plain else {"input_ids": next(filled)}


def _filled(questions: Sequence[Question], run: "Run") -> list[list[int]]:
    """The token ids of prompts as training had them."""
    if not questions:
        return []
    from ftk.data.tokenising import RowTokenizer

    entry, formats, remedy = run.config["datasets"][0], run.dataset_formats(), "give the prompt as it stands"
    name = name_of_format(entry, run.config.get("rl"))
    if name not in formats:
        raise UsageError(f"the format {name} is known to the engine of {run.id} alone", remedy)
    tokenizer = RowTokenizer(run.path(run.tokenizer()))
    options = options_of_format(entry, formats[name], run.config)
    form = bind(formats[name], tokenizer, options)
    if not isinstance(form, PromptFormat):
        raise UsageError(f"the format {name} makes no prompt of fields", remedy)
    rows, problems = [], []
    for question in questions:
        try:
            rows.append(form.prompt(question.fields, options))
        except RowError as error:
            problems.append(Problem(question.place, error.message, error.remedy))
    if problems:
        raise ProblemsFound(problems)
    return [row.sample[0] + row.sample[1] for row in tokenizer.rows(rows)]
