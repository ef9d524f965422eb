"""`ftk logs`: the output of a run's driver and commands."""

import shutil
import sys
from pathlib import Path

import click

from ftk.cli.options import named_run, place_options, run_argument


@click.command("logs", epilog="Example: ftk logs | tail -50")
@run_argument()
@place_options
def command(run: str | None, runs_dir: Path | None, backend: str | None) -> None:
    """Print the output of a run.

    That is everything that RUN's driver and engines have printed; the newest run's, if none is named.
    """
    from ftk.run import LOG_FILE

    record = named_run(run, runs_dir, backend)
    try:
        with record.backend.open(record.id, LOG_FILE) as stream:
            shutil.copyfileobj(stream, sys.stdout.buffer)
    except FileNotFoundError:
        click.echo(f"{record.id} has printed nothing yet", err=True)
