"""`ftk pull`: bring files of a run to this machine."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from ftk.cli.options import PATH, named_run, place_options, run_argument

MB = 1_000_000


@click.command("pull", epilog="Example: ftk pull latest lora-out --to models")
@run_argument(required=True)
@click.argument("path", default="")
@click.option("--to", "target", type=PATH, help="The folder to fill [one of the run's id, here].")
@place_options
def command(run: str, path: str, target: Path | None, runs_dir: Path | None, backend: str | None) -> None:
    """Bring files of a run to this machine, from wherever it lives.

    PATH is a file or folder of RUN, such as lora-out/merged; all of it, if none is named. What has come whole is not
    brought again, by a call after one that was stopped or when the run has gone on.
    """
    from ftk.refusals import refuse_file
    from ftk.runs.pulling import pull

    record = named_run(run, runs_dir, backend)
    target = target or Path(record.id)
    refuse_file(target, "name the folder to fill: --to")
    with _bar() as advance:
        done = pull(record, path, target, advance)
    here = f", {done.files - done.fetched} of them were here" if done.fetched < done.files else ""
    click.echo(f"{done.place}  {done.files} files, {done.size / MB:.1f} MB{here}")
    if done.gone:
        click.echo(f"the run has removed {done.gone} files meanwhile", err=True)


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    console = Console(stderr=True)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("")
        yield lambda come, total: progress.update(task, completed=come, total=total)
