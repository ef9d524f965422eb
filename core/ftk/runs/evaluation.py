"""What came out of a run: the base model's answers beside the tuned one's and the expected ones."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ftk import files
from ftk.artifacts import Artifact, Model, StagedData
from ftk.runs.pipeline import SUMMARY_FILE, Outcome

if TYPE_CHECKING:
    from ftk.hooks.manager import Manager
    from ftk.runs.run import Run

SAMPLES_FILE = "samples.jsonl"
"""Beside the tokenised data: rows with `split`, `row`, `prompt`, `expected` and `input_ids` (of the prompt)."""


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
    if not rows:
        return []
    files.remove(run.path(folder))  # answers to other questions, or of another model
    _write_prompts(run, folder / "prompts.jsonl", rows)
    models = {"base": outcome.base_model(), "tuned": outcome.tuned_model()}
    texts = {name: _ask(run, manager, model, folder, name) for name, model in models.items()}
    return [
        Answer(row["split"], row["row"], row["prompt"], row["expected"], base, tuned)
        for row, base, tuned in zip(rows, texts["base"], texts["tuned"], strict=True)
    ]


def _samples(run: "Run", data: StagedData) -> list[dict[str, Any]]:
    lines = run.path(data.folder / SAMPLES_FILE).read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    most = run.config.ftk["evaluate"]["rows"]
    return [row for split in ("train", "eval") for row in [row for row in rows if row["split"] == split][:most]]


def _write_prompts(run: "Run", file: Artifact, rows: Sequence[Mapping[str, Any]]) -> None:
    most = run.config.ftk["evaluate"]["max_new_tokens"]
    lines = [json.dumps({"input_ids": row["input_ids"], "max_new_tokens": most, "temperature": 0}) for row in rows]
    files.write_text(run.path(file), "".join(f"{line}\n" for line in lines))


def _ask(run: "Run", manager: "Manager", model: Model, folder: Artifact, name: str) -> list[str]:
    provider = run.config.provider("generate")
    run.events.emit("asking", model=name)
    completions = manager.generate(provider, run, model, folder / "prompts.jsonl", folder / f"{name}.jsonl")
    lines = run.path(completions.file).read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines]
