"""A run in Markdown, to be pasted into a report."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ftk.cli.measures import evaluation_rows
from ftk.cli.summary import SPLITS, one_line
from ftk.cli.view import duration
from ftk.runs.course import Course

if TYPE_CHECKING:
    from ftk.runs.events import Event
    from ftk.runs.record import RunRecord

ESSENTIALS = (
    "base_model",
    "adapter",
    "lora_r",
    "lora_alpha",
    "lora_dropout",
    "rl",
    "learning_rate",
    "lr_scheduler",
    "optimizer",
    "num_epochs",
    "max_steps",
    "micro_batch_size",
    "gradient_accumulation_steps",
    "sequence_len",
    "sample_packing",
    "seed",
)
"""Keys that a reader of a report asks for first; those that a run has are told."""


def report_lines(record: "RunRecord", events: "Sequence[Event]") -> Iterator[str]:
    """The report."""
    summary = record.summary()
    yield f"# {record.id}"
    yield ""
    yield f"{record.state()}; `resolved.yml` in {record.backend.describe(record.id, '')} has every key."
    yield from _table("Config", ("key", "value"), _config_rows(record))
    yield from _table("Data", ("rows to train on", "held out", "tokens", "trained tokens"), _data_rows(record))
    yield from _table("Losses", ("", "first", "best", "last"), _loss_rows(Course.of(events)))
    if summary:
        yield from _table("Exact match", ("", "rows", "base", "tuned"), _score_rows(summary["scores"]))
        yield from _samples(summary["samples"])
    if evaluation := record.evaluation():
        head = (f"on {evaluation['data']}", "rows", "base", "tuned")
        yield from _table("Evaluation", head, evaluation_rows(evaluation))
    yield from _table("Time", ("stage", "by", "took"), _time_rows(record))
    yield from _table("Versions", ("package", "version"), _versions(events))


def _table(title: str, head: Sequence[str], rows: Iterator[Sequence[object]]) -> Iterator[str]:
    """A section with a table; nothing where there are no rows."""
    lines = [" | ".join(_cell(item) for item in row) for row in rows]
    if lines:
        yield from ("", f"## {title}", "")
        yield f"| {' | '.join(head)} |"
        yield f"|{' --- |' * len(head)}"
        yield from (f"| {line} |" for line in lines)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _config_rows(record: "RunRecord") -> Iterator[Sequence[object]]:
    config = record.config()
    yield "engine", config.provider("train")
    for key in ESSENTIALS:
        if config.get(key) is not None:
            yield f"`{key}`", config[key]


def _data_rows(record: "RunRecord") -> Iterator[Sequence[object]]:
    result = (record.manifests().get("stage_data") or {}).get("result")
    if result:
        yield result["train_rows"], result["eval_rows"], f"{result['tokens']:,}", f"{result['trained_tokens']:,}"


def _loss_rows(course: Course) -> Iterator[Sequence[object]]:
    for name, points in course.losses():
        shown = (points[0], min(points, key=lambda point: point[1]), points[-1])
        yield name, *(f"{value:.4f} (step {step})" for step, value in shown)
    if course.tokens_per_second:
        yield "tokens/s", "", "", f"{course.tokens_per_second:.0f}"


def _score_rows(scores: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[object]]:
    for score in scores:
        shares = [f"{score[name] / score['rows']:.0%}" for name in ("base", "tuned")]
        yield SPLITS[score["split"]], score["rows"], *shares


def _samples(samples: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from ("", "## Samples", "")
    for sample in samples:
        yield f"- row {sample['row']}: {one_line(sample['prompt'])}"
        for name in ("base", "tuned", "expected"):
            yield f"  - {name}: {one_line(sample[name]) or '(nothing)'}"


def _time_rows(record: "RunRecord") -> Iterator[Sequence[object]]:
    for stage, manifest in record.manifests().items():
        if manifest["result"]:
            yield stage, manifest["inputs"]["provider"], duration(manifest["seconds"])


def _versions(events: "Sequence[Event]") -> Iterator[Sequence[object]]:
    started = next((event for event in reversed(events) if event.kind == "run_started"), None)
    yield from (started.fields.get("versions") or {}).items() if started else ()
