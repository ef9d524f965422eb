"""`ftk doctor`: look for what keeps runs from working on this machine."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from ftk.cli.options import json_option, open_backend, place_options

MARKS = {"ok": "ok", "note": "--", "broken": "no"}


@click.command("doctor", epilog="Example: ftk doctor --json")
@place_options
@json_option
def command(runs_dir: Path | None, backend: str | None, as_json: bool) -> int:
    """Look for what keeps runs from working on this machine.

    Each finding stands with its remedy: `--` before what may not be needed, `no` before what is broken. The exit code
    is 1 if anything is. Of tokens only whether they are there is told.
    """
    from ftk.checkup import examine
    from ftk.home import Home

    place, manager = open_backend(runs_dir, backend)
    found = []
    for item in examine(Home.find(runs_dir), manager, place):
        found.append(item)
        if not as_json:
            click.echo(f"{MARKS[item.verdict]}  {item.subject:<26} {item.detail}")
            if item.remedy:
                click.echo(f"    {item.remedy}")
    if as_json:
        click.echo(json.dumps([asdict(item) for item in found]))
    return int(any(item.verdict == "broken" for item in found))
