"""`ftk cancel`: stop a run."""

import time
from pathlib import Path

import click

from ftk.cli.options import named_run, place_options, run_argument


@click.command("cancel", epilog="Example: ftk cancel ftk-2026-11-24")
@run_argument(required=True)
@click.option("--now", is_flag=True, help="Do not wait for a checkpoint.")
@place_options
def command(run: str, now: bool, runs_dir: Path | None, backend: str | None) -> None:
    """Stop a run after a checkpoint.

    Returns when nothing works on it any more. RUN is its name or the beginning of its id; `latest` is the newest run.
    """
    record = named_run(run, runs_dir, backend)
    if record.backend.activity(record.id) == "idle":
        click.echo(f"nothing works on {record.id}; it is {record.state()}")
        return
    record.backend.cancel(record.id, now)
    while record.backend.activity(record.id) != "idle":
        time.sleep(0.2)
    click.echo(f"{record.id} is {record.state()}; `ftk run --resume {record.id}` goes on")
