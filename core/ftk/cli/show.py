"""`ftk show`: what a run did and what came out."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftk.cli.options import json_option, named_run, place_options, run_argument

if TYPE_CHECKING:
    from ftk.record import RunRecord


@click.command("show", epilog="Example: ftk show ftk-2026-11-24")
@run_argument()
@place_options
@json_option
def command(run: str | None, runs_dir: Path | None, backend: str | None, as_json: bool) -> None:
    """Show what a run did and what came out.

    RUN is its name or the beginning of it; the newest run, if none is named.
    """
    record = named_run(run, runs_dir, backend)
    if as_json:
        click.echo(json.dumps(_as_json(record)))
        return
    from ftk.cli.summary import print_summary

    for line in _lines(record):
        click.echo(line)
    print_summary(record)


def _as_json(record: "RunRecord") -> dict[str, Any]:
    return {
        "run": record.id,
        "state": record.state(),
        "stages": record.manifests(),
        "config": record.config().values,
        "summary": record.summary(),
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
