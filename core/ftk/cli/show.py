"""`ftk show`: what a run did and what came out."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftk.cli.options import json_option, named_run, place_options, refuse_beside, run_argument

if TYPE_CHECKING:
    from ftk.runs.course import Course
    from ftk.runs.record import RunRecord

WIDEST = 100
"""Characters that a diagram takes at most."""

HEIGHT = 10
"""Lines of the curves in a diagram."""


@click.command("show", epilog="Example: ftk show my-sql --report > report.md")
@run_argument()
@click.option("--learning-rate", is_flag=True, help="Draw the learning rate too.")
@click.option("--report", is_flag=True, help="Print a report in Markdown.")
@place_options
@json_option
def command(
    run: str | None, learning_rate: bool, report: bool, runs_dir: Path | None, backend: str | None, as_json: bool
) -> None:
    """Show what a run did and what came out.

    RUN is its name or the beginning of its id; `latest`, or none, is the newest run.
    """
    if as_json:
        refuse_beside("--json", "report", "learning_rate")
    if report:
        refuse_beside("--report", "learning_rate")
    from ftk.cli.report import report_lines
    from ftk.cli.summary import print_summary
    from ftk.runs.course import Course

    record = named_run(run, runs_dir, backend)
    events = record.events()
    course = Course.of(events)
    if as_json:
        click.echo(json.dumps({**_as_json(record), "metrics": course.series}))
    elif report:
        click.echo("\n".join(report_lines(record, events)))
    else:
        for line in (*_lines(record), *_course_lines(course, learning_rate)):
            click.echo(line)
        print_summary(record)


def _as_json(record: "RunRecord") -> dict[str, Any]:
    from ftk.loggers.unsent import logger_states

    return {
        "run": record.id,
        "state": record.state(),
        "stages": record.manifests(),
        "config": record.config().values,
        "summary": record.summary(),
        "evaluation": record.evaluation(),
        "loggers": logger_states(record),
    }


def _lines(record: "RunRecord") -> Iterator[str]:
    from ftk.cli.view import duration
    from ftk.loggers.unsent import unsent_lines

    yield f"{record.id}  {record.state()}"
    for stage, manifest in record.manifests().items():
        state = duration(manifest["seconds"]) if manifest["result"] else "begun, not finished"
        yield f"  {stage:<14} {manifest['inputs']['provider']:<14} {state}"
    last = next((event for event in reversed(record.events()) if event.kind == "run_finished"), None)
    if last and last["message"]:
        yield f"  {last['message']}"
        if last["remedy"]:
            yield f"  {last['remedy']}"
    for event in record.events():
        if event.kind == "notice":
            yield f"  note: {event['message']}"
    for line in unsent_lines(record):
        yield f"  {line}"


def _course_lines(course: "Course", learning_rate: bool) -> Iterator[str]:
    """What the losses were, and their curves."""
    from ftk.cli.curves import draw

    losses = dict(course.losses())
    width = min(shutil.get_terminal_size().columns, WIDEST)
    if losses:
        yield ""
        yield from (f"{name}: {loss_text(points)}" for name, points in losses.items())
        if course.tokens_per_second:
            yield f"speed: {course.tokens_per_second:.0f} tokens/s"
        yield ""
        yield from draw(losses, width, HEIGHT)
    rates = course.series.get("learning_rate")
    if learning_rate and rates:
        yield ""
        yield from draw({"learning rate": rates}, width, HEIGHT // 2)


def loss_text(points: list[tuple[int, float]]) -> str:
    """A loss at its beginning, its best and its end."""
    best = min(points, key=lambda point: point[1])
    parts = (("first", points[0]), ("best", best), ("last", points[-1]))
    return ", ".join(f"{name} {value:.4f} at step {step}" for name, (step, value) in parts)
