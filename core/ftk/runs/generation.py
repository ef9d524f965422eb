"""The job `generate` of a visit: a model of the run answers questions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftk import files
from ftk.artifacts import Artifact, Model
from ftk.errors import UsageError
from ftk.runs.events import FOLDER as EVENTS_FOLDER
from ftk.runs.events import parse_events
from ftk.runs.pipeline import read_outcome
from ftk.runs.questions import Answers, Question, requests_of

if TYPE_CHECKING:
    from ftk.hooks.manager import Manager
    from ftk.runs.run import Run


def job(run: "Run", manager: "Manager", scratch: Artifact, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The answers to questions, as `Answers` has them.

    :param inputs: `questions`; `options`, see `hookspecs.generate`; and whether to ask the `base` model.
    """
    model = find_model(run, inputs["base"])
    questions = [Question(**question) for question in inputs["questions"]]
    requests = [{**request, **inputs["options"]} for request in requests_of(questions, run)]
    answers = generate(run, manager, model, requests, scratch)
    return asdict(Answers(answers, *_speed(run.path(scratch / EVENTS_FOLDER))))


def find_model(run: "Run", base: bool) -> Model:
    """The tuned model of the run, or its base.

    :raises UsageError: where it is not there.
    """
    outcome = read_outcome(run.folder)
    wanted = outcome.model if base else outcome.trained
    if wanted is None:
        raise UsageError(f"{run.id} has no {'base' if base else 'tuned'} model yet", f"`ftk run --resume {run.id}`")
    model = outcome.base_model() if base else outcome.tuned_model()
    for artifact in (model.folder, model.adapter):
        if artifact and not run.path(artifact).exists():
            raise UsageError(f"{run.path(artifact)} is gone", f"`ftk run --resume {run.id}` makes it again")
    return model


def generate(
    run: "Run", manager: "Manager", model: Model, requests: Sequence[Mapping[str, Any]], folder: Artifact
) -> list[dict[str, Any]]:
    """Have the run's provider of `generate` answer.

    :param requests: see `hookspecs.generate`.
    :param folder: where requests and answers are written.
    """
    prompts = folder / "prompts.jsonl"
    files.write_text(run.path(prompts), "".join(json.dumps(request) + "\n" for request in requests))
    completions = manager.generate(run.config.provider("generate"), run, model, prompts, folder / "answers.jsonl")
    return files.read_json_lines(run.path(completions.file))


def _speed(folder: Path) -> tuple[int, float]:
    """The tokens that the newest command in this folder has reported, and its seconds."""
    reports = sorted(folder.glob("generate-*.jsonl"), key=lambda path: path.stat().st_mtime)
    events = list(parse_events(reports[-1].read_bytes())) if reports else []
    last = next((event.fields for event in reversed(events) if "tokens" in event.fields), {})
    return last.get("tokens", 0), last.get("seconds", 0.0)
