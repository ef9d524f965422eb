"""`ftk attach`: watch a run live."""

from pathlib import Path

import click

from ftk.cli.options import named_run, place_options, run_argument


@click.command("attach", epilog="Example: ftk run configs/quickstart.yml --detach && ftk attach")
@run_argument()
@place_options
def command(run: str | None, runs_dir: Path | None, backend: str | None) -> None:
    """Watch a run live; Ctrl-C lets go of it.

    It is shown as in the terminal that started it. RUN is its name or the beginning of its id; `latest`, or none, is
    the newest run.
    """
    from ftk.cli.follow import follow_other
    from ftk.cli.summary import print_summary

    record = named_run(run, runs_dir, backend)
    follow_other(record)
    print_summary(record)
