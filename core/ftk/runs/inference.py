"""Ask a model of a run, from outside the run's driver."""

import json
import secrets
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from ftk import files
from ftk.artifacts import Artifact, Model
from ftk.backend import Backend
from ftk.errors import Cancelled, FtkError, UsageError
from ftk.home import Home
from ftk.hooks.manager import Manager
from ftk.runs.cache import Cache
from ftk.runs.events import Event, EventReader, parse_events
from ftk.runs.pipeline import Outcome, read_outcome
from ftk.runs.questions import Question, requests_of
from ftk.runs.record import RunRecord, find_run
from ftk.runs.run import Run

STAGE = "infer"
"""What the events of a generation go by."""

POLL = 0.5
"""Seconds between two looks at what the engine reports."""

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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


def find_tuned(backend: Backend, name: str | None) -> RunRecord:
    """The run of this name; the newest one that has trained a model, where none is named.

    :raises UsageError: where there is none.
    """
    if name:
        return find_run(backend, name)
    for run_id in reversed(backend.runs()):
        train = RunRecord(backend, run_id).manifests().get("train")
        if train and train["result"]:
            return RunRecord(backend, run_id)
    raise UsageError("no run has trained a model yet", "start one: `ftk run configs/quickstart.yml`")


def ask(
    home: Home,
    manager: Manager,
    record: RunRecord,
    questions: Sequence[Question],
    options: Mapping[str, Any],
    base: bool,
    resumable: bool,
    show: Callable[[Event], None] = lambda event: None,
) -> Answers:
    """Have a model answer.

    :param options: how; see `hookspecs.generate`.
    :param base: ask the untuned base model.
    :param resumable: keep the answers of a call that was stopped, and go on after those of an earlier one.
    :param show: is given what the engine reports meanwhile.
    """
    asked = {"questions": [question.fields for question in questions], **options}
    inputs = {"asked": asked, "base": base, "stages": record.manifests()}
    name = f"infer-{files.sha256_of(inputs)[:16] if resumable else secrets.token_hex(8)}"
    run = _visited(home, manager, record, name)
    kept = False
    try:
        with _stopped_by_signals(), _watched(record, name, show):
            model = _model(run, base)
            requests = [{**request, **options} for request in requests_of(questions, run)]
            kept = resumable
            answers = _generate(run, manager, model, requests, Artifact("run", name))
            kept = False
        return answers
    finally:
        if not kept:
            files.remove(run.folder / name)


def _visited(home: Home, manager: Manager, record: RunRecord, scratch: str) -> Run:
    """The run, with a folder in it for events and files that are no part of its history."""
    folder = home.runs / record.id
    if not folder.is_dir():
        raise FtkError(f"{record.id} does not lie on this machine", "ask it where it lies")
    for file in record.plugin_files():
        manager.add_file(file)
    run = Run(folder, Cache(home.cache), record.config(), manager, record.backend, events_folder=scratch)
    run.at_stage(STAGE)
    return run


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Have Ctrl-C and a closed terminal end the command that is executed, which would go on by itself."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Cancelled(now=True)

    # One that is ignored, as by nohup, stays so.
    before = {number: signal.getsignal(number) for number in STOPS if signal.getsignal(number) != signal.SIG_IGN}
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _watched(record: RunRecord, folder: str, show: Callable[[Event], None]) -> Iterator[None]:
    """Show the events in this folder while the block runs, and what is left of them at its end."""
    reader = EventReader(record.backend, record.id, folder)
    reader.new()  # those of an earlier call
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(POLL):
            for event in reader.new():
                show(event)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        for event in reader.new():
            show(event)


def _generate(
    run: Run, manager: Manager, model: Model, requests: Sequence[Mapping[str, Any]], scratch: Artifact
) -> Answers:
    prompts = scratch / "prompts.jsonl"
    files.write_text(run.path(prompts), "".join(json.dumps(request) + "\n" for request in requests))
    completions = manager.generate(run.config.provider("generate"), run, model, prompts, scratch / "answers.jsonl")
    lines = run.path(completions.file).read_text(encoding="utf-8").splitlines()
    return Answers([json.loads(line) for line in lines], *_speed(run.path(scratch)))


def _speed(scratch: Path) -> tuple[int, float]:
    """The tokens that the newest command in this folder has reported, and its seconds."""
    reports = sorted(scratch.glob(f"{STAGE}-*.jsonl"), key=lambda path: path.stat().st_mtime)
    events = list(parse_events(reports[-1].read_bytes())) if reports else []
    last = next((event.fields for event in reversed(events) if "tokens" in event.fields), {})
    return last.get("tokens", 0), last.get("seconds", 0.0)


def _model(run: Run, base: bool) -> Model:
    outcome: Outcome = read_outcome(run.folder)
    wanted = outcome.model if base else outcome.trained
    if wanted is None:
        raise UsageError(f"{run.id} has no {'base' if base else 'tuned'} model yet", f"`ftk run --resume {run.id}`")
    model = outcome.base_model() if base else outcome.tuned_model()
    for artifact in (model.folder, model.adapter):
        if artifact and not run.path(artifact).exists():
            raise UsageError(f"{run.path(artifact)} is gone", f"`ftk run --resume {run.id}` makes it again")
    return model
