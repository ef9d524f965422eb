"""Ask a model of a run, from outside the run's driver."""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ftk import files
from ftk.artifacts import Artifact, Model
from ftk.backend import Backend
from ftk.cache import Cache
from ftk.errors import FtkError, UsageError
from ftk.home import Home
from ftk.manager import Manager
from ftk.pipeline import Outcome, read_outcome
from ftk.record import RunRecord, find_run
from ftk.run import Run


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


def ask(home: Home, manager: Manager, record: RunRecord, base: bool, request: Mapping[str, Any]) -> dict[str, Any]:
    """Complete one prompt.

    :param base: ask the untuned base model.
    :param request: `prompt`, `max_new_tokens` and `temperature`.
    :returns: `text`, `tokens` and `finish`.
    """
    with _visit(home, manager, record) as (run, scratch):
        model = _model(run, base)
        files.write_text(run.path(scratch / "prompts.jsonl"), json.dumps(request) + "\n")
        provider = run.config.provider("generate")
        completions = manager.generate(provider, run, model, scratch / "prompts.jsonl", scratch / "answers.jsonl")
        answer: dict[str, Any] = json.loads(run.path(completions.file).read_text(encoding="utf-8"))
        return answer


@contextmanager
def _visit(home: Home, manager: Manager, record: RunRecord) -> Iterator[tuple[Run, Artifact]]:
    """The run, and a scratch folder in it for events and files that are no part of its history."""
    folder = home.runs / record.id
    if not folder.is_dir():
        raise FtkError(f"{record.id} does not lie on this machine", "ask it where it lies")
    for file in record.plugin_files():
        manager.add_file(file)
    scratch = f"infer-{secrets.token_hex(4)}"
    try:
        run = Run(folder, Cache(home.cache), record.config(), manager, record.backend, events_folder=scratch)
        run.at_stage("infer")
        yield run, Artifact("run", scratch)
    finally:
        files.remove(folder / scratch)


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
