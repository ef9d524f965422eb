"""`ftk runs`: list the runs."""

import json
from pathlib import Path

import click

from ftk.cli.options import json_option, place_options


@click.command("runs", epilog="Example: ftk runs --runs-dir /data/runs")
@place_options
@json_option
def command(runs_dir: Path | None, backend: str | None, as_json: bool) -> None:
    """List the runs.

    The newest comes last; each one stands with what became of it.
    """
    from ftk.cli.options import open_backend
    from ftk.runs.names import name_in
    from ftk.runs.record import RunRecord

    place, _ = open_backend(runs_dir, backend)
    states = {run_id: RunRecord(place, run_id).state() for run_id in place.runs()}
    if as_json:
        rows = [{"run": run_id, "name": name_in(run_id), "state": state} for run_id, state in states.items()]
        click.echo(json.dumps(rows))
    elif not states:
        click.echo(f"no runs in {place.describe('', '')} yet; start one: `ftk run configs/quickstart.yml`", err=True)
    else:
        click.echo("".join(f"{run_id}  {state}\n" for run_id, state in states.items()), nl=False)
