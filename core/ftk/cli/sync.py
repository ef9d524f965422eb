"""`ftk sync`: send to loggers what they lack of a run."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ftk.cli.options import add_kept_plugins, open_backend, place_options, run_argument, trust_option

if TYPE_CHECKING:
    from ftk.runs.record import RunRecord


@click.command("sync", epilog="Example: ftk sync latest --logger jsonl")
@run_argument()
@click.option("--logger", "loggers", multiple=True, metavar="NAME", help="Only to this one; may be repeated.")
@trust_option
@place_options
def command(run: str | None, loggers: tuple[str, ...], trust: bool, runs_dir: Path | None, backend: str | None) -> None:
    """Send to loggers what they lack of a run.

    RUN is its name or the beginning of its id; `latest`, or none, is the newest run. A logger that the run never had is
    given all of it.
    """
    from ftk.cli.follow import follow_own
    from ftk.loggers.choosing import find_loggers, refuse_missing
    from ftk.runs.events import BEGINNING
    from ftk.runs.record import find_run

    place, manager = open_backend(runs_dir, backend)
    record = find_run(place, run)
    add_kept_plugins(record, manager, trust)
    names = loggers or _names(record)
    refuse_missing(find_loggers(names, manager), place)
    before = sum(event.kind == BEGINNING for event in record.events())
    arguments = [part for name in names for part in ("--sync", name)]
    place.submit(record.id, arguments, record.config().values)
    follow_own(record, before, "sync")
    click.echo(f"{record.id} is sent to {', '.join(names)}")


def _names(record: "RunRecord") -> list[str]:
    from ftk.errors import UsageError
    from ftk.loggers.unsent import logger_progress

    names = list(logger_progress(record))
    if not names:
        raise UsageError(f"{record.id} has no logger", "name one: `ftk sync RUN --logger NAME`")
    return names
