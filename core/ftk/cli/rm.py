"""`ftk rm`: remove runs."""

from pathlib import Path

import click

from ftk.cli.options import TEXT, complete_run, open_backend, place_options


@click.command("rm", epilog="Example: ftk rm my-sql ftk-2026-11-24-19-13-05-0fb0 --yes")
@click.argument("runs", nargs=-1, required=True, type=TEXT, metavar="RUN...", shell_complete=complete_run)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@place_options
def command(runs: tuple[str, ...], yes: bool, runs_dir: Path | None, backend: str | None) -> None:
    """Remove runs.

    RUN is a name or the beginning of an id; `latest` is the newest run. Models go with their run; what is in the cache
    stays. Where one is being worked on or served, none is removed.
    """
    from ftk.errors import UsageError
    from ftk.runs.record import find_run

    place, _ = open_backend(runs_dir, backend)
    found = list(dict.fromkeys(find_run(place, run) for run in runs))
    served = {run_id: server.id for server in place.servers() for run_id in server.endpoint.runs}
    for record in found:
        if place.activity(record.id) != "idle":
            raise UsageError(f"{record.id} is being worked on", f"`ftk cancel {record.id}` stops it")
        if record.id in served:
            raise UsageError(f"{record.id} is being served", f"`ftk serve --stop {served[record.id]}` ends that")
    if not yes:
        click.echo("to be removed, with everything in it:", err=True)
        for record in found:
            click.echo(f"  {place.describe(record.id, '')}", err=True)
        click.confirm("go on?", abort=True, err=True)
    for record in found:
        place.remove(record.id)
        click.echo(f"{record.id} is removed")
