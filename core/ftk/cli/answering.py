"""Have questions answered by a run or by a server, and let the person see it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ftk.cli.options import add_kept_plugins, open_backend
from ftk.cli.speaking import Speaker
from ftk.cli.view import make_view
from ftk.runs import inference
from ftk.runs.questions import Answers, Question
from ftk.runs.visiting import refuse_visit
from ftk.serving import asking
from ftk.serving.client import Client
from ftk.serving.keys import find_key

Ask = Callable[..., Answers]
"""Takes questions, options as `hookspecs.generate` has them, and perhaps `show`, which is given events."""


def run_answers(
    name: str | None, base: bool, trust: bool, runs_dir: Path | None, backend: str | None, resumable: bool
) -> tuple[dict[str, str], Ask]:
    """What a run is called in JSON, and what asks it.

    :param trust: run the code of its plugin files without a question.
    """
    place, manager = open_backend(runs_dir, backend)
    record = inference.find_tuned(place, name)
    add_kept_plugins(record, manager, trust)
    refuse_visit(record, ["generate"], manager)
    return {"run": record.id}, partial(inference.ask, record, base=base, resumable=resumable)


def server_answers(url: str, model: str | None, variable: str | None, resumable: bool) -> tuple[dict[str, str], Ask]:
    """What a server is called in JSON, and what asks it."""
    key = find_key(None, variable, needed=False)
    client = Client(url, model, key.value if key else None)
    return {"url": client.url, "model": client.model}, partial(asking.ask_many if resumable else asking.ask_one, client)


def answer_many(ask: Ask, questions: Sequence[Question], options: Mapping[str, Any]) -> Answers:
    """The answers, with a view of how far they are."""
    with make_view() as view:
        return ask(questions, options, show=view.show)


def answer_quietly(ask: Ask, questions: Sequence[Question], options: Mapping[str, Any]) -> Answers:
    """The answers alone."""
    return ask(questions, options)


def answer_aloud(ask: Ask, questions: Sequence[Question], options: Mapping[str, Any]) -> Answers:
    """The only answer, printed as it comes."""
    speaker = Speaker()
    answers = ask(questions, {**options, "stream": True}, show=speaker.show)
    speaker.end(answers.answers[0]["text"])
    return answers
