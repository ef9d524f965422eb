"""Print what came out of a run: scores, sample answers, where everything lies, what to type next."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from ftk.cli.measures import evaluation_lines
from ftk.loggers.unsent import logger_progress
from ftk.runs.record import RunRecord

SPLITS = {"train": "training rows", "eval": "held-out rows"}


def print_summary(record: RunRecord) -> None:
    """Print the summary of a finished run."""
    for line in summary_lines(record):
        click.echo(line)


def summary_lines(record: RunRecord) -> Iterator[str]:
    """The summary's lines, in plain text that can be pasted into a report."""
    summary = record.summary()
    if summary:
        yield from _samples(summary["samples"])
        yield from _scores(summary["scores"])
    if evaluation := record.evaluation():
        yield from ("", *evaluation_lines(evaluation))
    yield from _places(record)
    yield from _next(record, summary)


def _samples(samples: list[Mapping[str, Any]]) -> Iterator[str]:
    for sample in samples:
        yield ""
        yield f"row {sample['row']}, {SPLITS[sample['split']].replace('rows', 'row')}: {one_line(sample['prompt'])}"
        for name in ("base", "tuned", "expected"):
            yield f"  {name:<9} {one_line(sample[name]) or '(nothing)'}"


def one_line(text: str, most: int = 160) -> str:
    """A text without its line breaks, and not too long."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _scores(scores: list[Mapping[str, Any]]) -> Iterator[str]:
    yield ""
    yield f"{'exact match':<16}{'rows':>6}{'base':>8}{'tuned':>8}"
    for score in scores:
        shares = [f"{score[name] / score['rows']:.0%}" for name in ("base", "tuned")]
        yield f"{SPLITS[score['split']]:<16}{score['rows']:>6}{shares[0]:>8}{shares[1]:>8}"


def _places(record: RunRecord) -> Iterator[str]:
    results = {stage: values["result"] for stage, values in record.manifests().items() if values["result"]}
    yield ""
    yield f"run      {record.backend.describe(record.id, '')}"
    if "train" in results:
        kind = "adapter" if results["train"]["is_adapter"] else "model"
        yield f"{kind:<9}{_place(record, results['train']['folder'])}"
    if "merge" in results:
        yield f"merged   {_place(record, results['merge']['folder'])}"
        if parity := results["merge"].get("parity"):
            yield f"parity   {parity['text']}"
    for name, progress in logger_progress(record).items():
        if progress.link:
            yield f"{name:<8} {progress.link}"


def _place(record: RunRecord, artifact: str) -> str:
    return record.backend.describe(record.id, artifact.partition(":")[2])


def _next(record: RunRecord, summary: Mapping[str, Any] | None) -> Iterator[str]:
    yield ""
    if summary:
        yield f'ask it:  ftk infer "..." --run {record.id}'
    yield f"more:    ftk show {record.id}"
