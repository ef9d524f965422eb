"""The job `evaluate` of a visit: both models of the run are measured on rows that were held out, or on others."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from ftk import files
from ftk.artifacts import Artifact, StagedData
from ftk.data.inspection import Staged
from ftk.data.staged_rows import StagedRow, read_rows
from ftk.data.tokenised import UNTRAINED
from ftk.data.tokenising import RowTokenizer
from ftk.errors import UsageError
from ftk.runs.evaluation import AskedRow, ask_both, models_of, read_samples
from ftk.runs.generation import find_model
from ftk.runs.opening import changed
from ftk.runs.pipeline import Outcome, read_outcome
from ftk.runs.visit import ATTACHED

if TYPE_CHECKING:
    from ftk.hooks.manager import Manager
    from ftk.runs.run import Run

OF_FILES = ("split", "name", "data_files", "revision", "ds_type")
"""Keys of a data set's entry that say which rows it means, not what they look like."""


def job(run: "Run", manager: "Manager", scratch: Artifact, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What came out: how many `rows`, by which `providers`, the `losses` by model, and the `answers` of both.

    :param inputs: `rows`, how many at most; `max_new_tokens` of an answer, None for as many as the summary has; `data`,
        the name of an attached file with rows to take in place of those held out, or None.
    """
    run.config = changed(run.config, [], manager)
    outcome = read_outcome(run.folder)
    for base in (True, False):
        find_model(run, base)
    data, split = _data(run, manager, outcome, scratch, inputs["data"])
    staged = Staged(data, run.config, run.path(run.tokenizer()), lambda name: run.path(data.folder / name).open("rb"))
    rows = list(islice(read_rows(staged, split, lambda number: True), inputs["rows"]))
    most = inputs["max_new_tokens"] or run.config.ftk["evaluate"]["max_new_tokens"]
    asked = _asked(run, data, rows)
    return {
        "rows": len(rows),
        "providers": {stage: run.config.provider(stage) for stage in ("score", "generate")},
        "losses": _losses(run, manager, outcome, scratch, rows) if data.kind == "sft" else {},
        "answers": [asdict(answer) for answer in ask_both(run, manager, outcome, asked, scratch / "answers", most)],
    }


def _data(
    run: "Run", manager: "Manager", outcome: Outcome, scratch: Artifact, file: str | None
) -> tuple[StagedData, str]:
    """The rows to measure on, and the split that they are in."""
    assert outcome.data is not None
    if not outcome.data.train_rows:
        message = f"{run.id} has left its rows to its engine, so that ftk has no tokens to measure"
        raise UsageError(message, "ask its model instead: `ftk infer`")
    if file:
        entry = {key: value for key, value in run.config["datasets"][0].items() if key not in OF_FILES}
        data = {**entry, "path": (scratch / ATTACHED / file).path}
        values = {**run.config.values, "datasets": [data], "test_datasets": None, "val_set_size": 0}
        run.config = replace(run.config, values=values)
        run.prepared_folder = scratch / "data"
        return manager.stage_data(run.config.provider("stage_data"), run), "train"
    if not outcome.data.eval_rows:
        raise UsageError(
            f"{run.id} has held no rows out", "give others: --data FILE, or train with val_set_size or test_datasets"
        )
    return outcome.data, "eval"


def _asked(run: "Run", data: StagedData, rows: Sequence[StagedRow]) -> list[AskedRow]:
    """The rows with their prompts; those that have none are left out, and told."""
    samples = {(sample.split, sample.row): sample for sample in read_samples(run, data)}
    tokenizer = RowTokenizer(run.path(run.tokenizer()))
    asked = [samples.get((row.split, row.number)) or _as_asked(row, tokenizer) for row in rows]
    found = [row for row in asked if row.input_ids]
    if len(found) < len(asked):
        run.notice(f"{len(asked) - len(found)} rows are not asked, since all of each is its answer")
    return found


def _as_asked(row: StagedRow, tokenizer: RowTokenizer) -> AskedRow:
    prompt, answer = _halves(row)
    return AskedRow(row.split, row.number, tokenizer.text(prompt), tokenizer.text(answer), list(prompt))


def _halves(row: StagedRow) -> tuple[Sequence[int], Sequence[int]]:
    """The tokens of the prompt and of the answer, which is the last stretch that is trained, or the better one."""
    first, *others = row.parts
    if others:
        return first.ids, others[0].ids
    start = len(first.ids)
    while start and not first.trained[start - 1]:
        start -= 1
    while start and first.trained[start - 1]:
        start -= 1
    return first.ids[:start], first.ids[start:]


def _losses(
    run: "Run", manager: "Manager", outcome: Outcome, scratch: Artifact, rows: Sequence[StagedRow]
) -> dict[str, dict[str, float]]:
    """The loss of each model: the mean over all trained tokens, and how many those are."""
    file = scratch / "rows.jsonl"
    files.write_text(run.path(file), "".join(f"{json.dumps(_labelled(row))}\n" for row in rows))
    found = {}
    for name, model in models_of(outcome).items():
        run.events.emit("scoring_model", model=name)
        losses = manager.score(run.config.provider("score"), run, model, file, scratch / f"losses-{name}.jsonl")
        lines = files.read_json_lines(run.path(losses.file))
        tokens = sum(line["tokens"] for line in lines)
        found[name] = {"loss": sum(line["loss"] for line in lines) / tokens, "tokens": tokens}
    return found


def _labelled(row: StagedRow) -> dict[str, Sequence[int]]:
    [part] = row.parts
    labels = [token if trained else UNTRAINED for token, trained in zip(part.ids, part.trained, strict=True)]
    return {"input_ids": part.ids, "labels": labels}
