"""What came out of a run: the base model's answers beside the tuned one's and the expected ones."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ftk import files
from ftk.artifacts import Artifact, Model, StagedData
from ftk.runs.generation import generate
from ftk.runs.pipeline import SUMMARY_FILE, Outcome

if TYPE_CHECKING:
    from ftk.hooks.manager import Manager
    from ftk.runs.run import Run

SAMPLES_FILE = "samples.jsonl"
"""Beside the tokenised data: rows with `split`, `row`, `prompt`, `expected` and `input_ids` (of the prompt)."""


@dataclass(frozen=True)
class AskedRow:
    """A row that is asked.

    :param split: `train` or `eval`.
    :param row: its number in the data, counted from 1.
    :param input_ids: the tokens of its prompt.
    """

    split: str
    row: int
    prompt: str
    expected: str
    input_ids: list[int]


@dataclass(frozen=True)
class Answer:
    """One row answered by both models.

    :param split: `train` or `eval`.
    :param row: its number in the data, counted from 1.
    """

    split: str
    row: int
    prompt: str
    expected: str
    base: str
    tuned: str


@dataclass(frozen=True)
class Score:
    """Exact matches of one split.

    :param rows: rows that were asked.
    :param base: those that the base model answered exactly as expected.
    :param tuned: those that the tuned model did.
    """

    split: str
    rows: int
    base: int
    tuned: int


def evaluate(run: "Run", manager: "Manager", outcome: Outcome) -> None:
    """Ask both models and write `summary.json`; a summary of the same models and settings is kept as it is."""
    inputs = _inputs(run, outcome)
    path = run.folder / SUMMARY_FILE
    kept = files.read_json(path)
    if kept is None or kept["inputs"] != inputs:
        run.at_stage("evaluate")
        run.events.emit("stage_started", stage="evaluate", provider=run.config.provider("generate"))
        start = time.monotonic()
        answers = _answers(run, manager, outcome)
        files.write_json(path, {"inputs": inputs, **_summary(answers, run.config.ftk["evaluate"]["samples"])})
        run.events.emit("stage_finished", stage="evaluate", seconds=time.monotonic() - start)


def _inputs(run: "Run", outcome: Outcome) -> dict[str, Any]:
    parts = (outcome.data, outcome.model, outcome.trained, outcome.merged)
    return {"settings": run.config.ftk["evaluate"], "results": [part and part.to_json() for part in parts]}


def _summary(answers: Sequence[Answer], samples: int) -> dict[str, Any]:
    scores = [score(split, answers) for split in ("train", "eval") if any(item.split == split for item in answers)]
    shown = [item for item in answers if item.split == "eval"] or list(answers)
    return {
        "scores": [asdict(item) for item in scores],
        "samples": [asdict(item) for item in shown[:samples]],
        "answers": [asdict(item) for item in answers],
    }


def score(split: str, answers: Sequence[Answer]) -> Score:
    """The exact matches of a split; white space at both ends does not count."""
    rows = [item for item in answers if item.split == split]
    base = sum(item.base.strip() == item.expected.strip() for item in rows)
    tuned = sum(item.tuned.strip() == item.expected.strip() for item in rows)
    return Score(split, len(rows), base, tuned)


def _answers(run: "Run", manager: "Manager", outcome: Outcome) -> list[Answer]:
    assert outcome.data is not None
    folder = Artifact("run", "evaluate")
    rows = _samples(run, outcome.data)
    files.remove(run.path(folder))  # answers to other questions, or of another model
    return ask_both(run, manager, outcome, rows, folder, run.config.ftk["evaluate"]["max_new_tokens"])


def ask_both(
    run: "Run", manager: "Manager", outcome: Outcome, rows: Sequence[AskedRow], folder: Artifact, max_new_tokens: int
) -> list[Answer]:
    """Have both models answer rows, greedily.

    :param folder: where questions and answers are written.
    """
    if not rows:
        return []
    requests = [{"input_ids": row.input_ids, "max_new_tokens": max_new_tokens, "temperature": 0} for row in rows]
    texts = {}
    for name, model in models_of(outcome).items():
        run.events.emit("asking", model=name)
        texts[name] = [answer["text"] for answer in generate(run, manager, model, requests, folder / name)]
    return [
        Answer(row.split, row.row, row.prompt, row.expected, base, tuned)
        for row, base, tuned in zip(rows, texts["base"], texts["tuned"], strict=True)
    ]


def models_of(outcome: Outcome) -> dict[str, Model]:
    """The two models that are compared."""
    return {"base": outcome.base_model(), "tuned": outcome.tuned_model()}


def _samples(run: "Run", data: StagedData) -> list[AskedRow]:
    """The first rows of each split."""
    rows, most = read_samples(run, data), run.config.ftk["evaluate"]["rows"]
    return [row for split in ("train", "eval") for row in [row for row in rows if row.split == split][:most]]


def read_samples(run: "Run", data: StagedData) -> list[AskedRow]:
    """The rows that were kept as samples."""
    return [AskedRow(**sample) for sample in files.read_json_lines(run.path(data.folder / SAMPLES_FILE))]
