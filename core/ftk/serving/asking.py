"""Ask a server one thing, or many, several at once."""

import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import Any

from ftk import files
from ftk.errors import Cancelled, FtkError, Problem, ProblemsFound
from ftk.home import Home
from ftk.runs.events import Event
from ftk.runs.kept import KeptAnswers
from ftk.runs.questions import PROMPT, Answers, Question
from ftk.runs.visiting import Show, refuse_second
from ftk.serving.client import Client, Reply

AT_ONCE = 16
"""Requests that are on their way at a time."""

KEPT = "the answers so far are kept: the same call goes on"


def ask_one(
    client: Client, questions: Sequence[Question], options: Mapping[str, Any], show: Show = lambda event: None
) -> Answers:
    """Have a server answer the only question; see `ftk.runs.inference.ask`.

    :raises ProblemsFound: where it is no prompt: a server knows no fields of a data set.
    """
    _refuse_fields(questions)
    (question,) = questions
    began = time.monotonic()

    def tell(piece: str) -> None:
        show(Event(time.time(), "text", {"text": piece}))

    try:
        reply = client.complete(question.fields[PROMPT], options, tell)
    except KeyboardInterrupt:
        raise Cancelled(now=True) from None
    return Answers([asdict(reply)], reply.tokens, time.monotonic() - began)


def ask_many(
    client: Client, questions: Sequence[Question], options: Mapping[str, Any], show: Show = lambda event: None
) -> Answers:
    """Have a server answer; what it has answered is kept until all is, and the same call goes on with the rest.

    :raises ProblemsFound: with every question that is no prompt.
    :raises FtkError: where an answer fails, naming its question.
    """
    _refuse_fields(questions)
    began, tokens = time.monotonic(), 0
    with _kept(client, questions, options) as kept:
        left = {number: question for number, question in enumerate(questions) if number not in kept}
        try:
            with closing(_replies(client, left, options)) as replies:
                for number, reply in replies:
                    kept.add({number: asdict(reply)})
                    tokens += reply.tokens
                    show(Event(time.time(), "generation", {"done": len(kept), "of": len(questions)}))
        except KeyboardInterrupt:
            raise Cancelled(now=True) from None
        return Answers(kept.in_order(), tokens, time.monotonic() - began)


@contextmanager
def _kept(client: Client, questions: Sequence[Question], options: Mapping[str, Any]) -> Iterator[KeptAnswers]:
    """What earlier calls of this kind have left; nothing is left of it when the block ends without an error."""
    name = files.sha256_of([client.url, client.model, [dict(item.fields) for item in questions], options])[:16]
    cache = Home.find().cache
    with files.locked(cache / "locks" / f"asking-{name}.lock", when_busy=refuse_second):
        path = files.make_folder(cache / "answers") / f"{name}.jsonl"
        yield KeptAnswers(path)
        files.remove(path)


def _replies(
    client: Client, questions: Mapping[int, Question], options: Mapping[str, Any]
) -> Generator[tuple[int, Reply], None, None]:
    """The replies as they come, each with the number of its question.

    :raises FtkError: the first failure, after what was answered before.
    """
    stopped = threading.Event()
    failure: FtkError | None = None

    def sleep(seconds: float) -> None:
        if stopped.wait(seconds):
            raise Cancelled(now=True)

    def answer(question: Question) -> Reply:
        sleep(0)
        return client.complete(question.fields[PROMPT], options, lambda piece: sleep(0), sleep)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            asked = {pool.submit(answer, question): number for number, question in questions.items()}
            for future in as_completed(asked):
                try:
                    yield asked[future], future.result()
                except FtkError as error:
                    place = questions[asked[future]].place
                    failure = failure or type(error)(f"{place}: {error.message}", error.remedy or KEPT)
                    stopped.set()
        finally:
            stopped.set()
    if failure:
        raise failure


def _refuse_fields(questions: Sequence[Question]) -> None:
    remedy = "give a prompt as it stands, or ask the run itself"
    problems = [Problem(item.place, "a server takes no fields", remedy) for item in questions if not item.is_plain]
    if problems:
        raise ProblemsFound(problems)
