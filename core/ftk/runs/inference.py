"""Ask a model of a run, wherever it lives."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ftk.backend import Backend
from ftk.errors import UsageError
from ftk.runs.questions import Answers, Question
from ftk.runs.record import RunRecord, find_run
from ftk.runs.visiting import Show, visit


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
    record: RunRecord,
    questions: Sequence[Question],
    options: Mapping[str, Any],
    base: bool,
    resumable: bool = False,
    show: Show = lambda event: None,
) -> Answers:
    """Have a model answer.

    :param options: how; see `hookspecs.generate`.
    :param base: ask the untuned base model.
    :param resumable: keep the answers of a call that was stopped, and go on after those of an earlier one.
    :param show: is given what the engine reports meanwhile.
    """
    inputs = {"questions": [asdict(question) for question in questions], "options": options, "base": base}
    return Answers(**visit(record, "generate", inputs, resumable, show))
