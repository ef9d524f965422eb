"""Measure a run's model against its base, wherever the run lives, and keep what came out with the run."""

import json
import math
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ftk.errors import FtkError, UsageError
from ftk.runs.evaluation import Answer, score
from ftk.runs.metrics import Metric
from ftk.runs.pipeline import EVALUATIONS_FOLDER
from ftk.runs.record import RunRecord
from ftk.runs.visiting import Show, visit

HELD_OUT = "held-out rows"


@dataclass(frozen=True)
class Measure:
    """One figure of both models.

    :param name: such as `loss`.
    :param rows: over which it is the mean.
    :param base: of the base model; None where it is no finite number.
    :param tuned: of the tuned model.
    """

    name: str
    rows: int
    base: float | None
    tuned: float | None

    @classmethod
    def of(cls, name: str, rows: int, figures: Iterable[float]) -> "Measure":
        """The measure with the figures of the base model and the tuned one."""
        base, tuned = (value if math.isfinite(value) else None for value in figures)
        return cls(name, rows, base, tuned)


@dataclass(frozen=True)
class Wanted:
    """What is to be measured.

    :param data: a file with rows in the run's format, in place of the rows that it held out.
    :param rows: how many at most.
    :param max_new_tokens: length of an answer; None for that of the run's summary.
    """

    data: Path | None
    rows: int
    max_new_tokens: int | None
    metrics: Sequence[Metric]


def evaluate(record: RunRecord, wanted: Wanted, show: Show) -> tuple[dict[str, Any], FtkError | None]:
    """Measure, and keep the evaluation with the run.

    :param show: is given what the engine reports meanwhile.
    :returns: the evaluation (`time`, `data`, `by`, `measures`, `answers`), and what went wrong with a metric, which
        costs no answers.
    """
    inputs = {"rows": wanted.rows, "max_new_tokens": wanted.max_new_tokens, "data": wanted.data and wanted.data.name}
    made = visit(record, "evaluate", inputs, show=show, attached=_attached(wanted.data))
    answers = [Answer(**answer) for answer in made["answers"]]
    measures = [*_losses(made), *_matches(answers)]
    trouble = None
    try:
        for metric in wanted.metrics if answers else ():
            measures.append(Measure.of(metric.name, len(answers), metric.means(answers)))
    except FtkError as error:
        trouble = error
    kept = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": str(wanted.data) if wanted.data else HELD_OUT,
        "by": made["providers"],
        "measures": [asdict(measure) for measure in measures],
        "answers": made["answers"],
    }
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}.json"
    record.backend.put(record.id, f"{EVALUATIONS_FOLDER}/{name}", json.dumps(kept, ensure_ascii=False).encode())
    return kept, trouble


def _attached(file: Path | None) -> dict[str, bytes]:
    """The rows, which the run may not have.

    :raises UsageError: when they cannot be read.
    """
    remedy = "name a file of rows in the run's format"
    try:
        content = file.read_bytes() if file else None
    except OSError as error:
        raise UsageError(f"--data {file}: {error.strerror}", remedy) from None
    if content == b"":
        raise UsageError(f"--data {file} is empty", remedy)
    return {file.name: content} if file and content else {}


def _losses(made: Mapping[str, Any]) -> Iterator[Measure]:
    if made["losses"]:
        losses = [made["losses"][model]["loss"] for model in ("base", "tuned")]
        yield Measure.of("loss", made["rows"], losses)
        yield Measure.of("perplexity", made["rows"], map(_perplexity, losses))


def _perplexity(loss: float) -> float:
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf


def _matches(answers: Sequence[Answer]) -> Iterator[Measure]:
    if answers:
        found = score(answers[0].split, answers)
        yield Measure.of("exact match", found.rows, (found.base / found.rows, found.tuned / found.rows))
