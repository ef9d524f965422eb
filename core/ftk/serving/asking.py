"""Ask a server one thing or many, several at once."""

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from ftk.errors import Cancelled, Problem, ProblemsFound
from ftk.runs.events import Event
from ftk.runs.questions import PROMPT, Answers, Question
from ftk.runs.visiting import Show
from ftk.serving.client import Client

AT_ONCE = 16
"""Requests that are on their way at a time."""


def ask(
    client: Client, questions: Sequence[Question], options: Mapping[str, Any], show: Show = lambda event: None
) -> Answers:
    """Have a server answer; see `ftk.runs.inference.ask`.

    :raises ProblemsFound: with every question that is no prompt: a server knows no fields of a data set.
    """
    _refuse_fields(questions)
    stopped = threading.Event()

    def sleep(seconds: float) -> None:
        if stopped.wait(seconds):
            raise Cancelled(now=True)

    def tell(piece: str) -> None:
        sleep(0)
        if len(questions) == 1:
            show(Event(time.time(), "text", {"text": piece}))

    def answer(question: Question) -> dict[str, Any]:
        return asdict(client.complete(question.fields[PROMPT], options, tell, sleep))

    began = time.monotonic()
    answers = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            # A single one is waited for here, where Ctrl-C ends it at once.
            for reply in map(answer, questions) if len(questions) == 1 else pool.map(answer, questions):
                answers.append(reply)
                show(Event(time.time(), "generation", {"done": len(answers), "of": len(questions)}))
        except KeyboardInterrupt:
            raise Cancelled(now=True) from None
        finally:
            stopped.set()
    return Answers(answers, sum(reply["tokens"] for reply in answers), time.monotonic() - began)


def _refuse_fields(questions: Sequence[Question]) -> None:
    remedy = "give a prompt as it stands, or ask the run itself"
    problems = [Problem(item.place, "a server takes no fields", remedy) for item in questions if not item.is_plain]
    if problems:
        raise ProblemsFound(problems)
