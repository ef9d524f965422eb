"""`ftk validate`: check a config, and all that it names, without a run."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftk.cli.options import PATH, json_option, place_options
from ftk.cli.preparing import Changes, config_options, prepare

if TYPE_CHECKING:
    from ftk.errors import UsageError


@click.command("validate", epilog="Example: ftk validate configs/quickstart.yml --set lora_r=8")
@click.argument("config", type=PATH)
@config_options
@place_options
@json_option
def command(config: Path, runs_dir: Path | None, backend: str | None, as_json: bool, **changes: Any) -> int:
    """Check a config, its data and its environments.

    That is what `ftk run` does before it starts. Everything that is wrong is told with its line; the exit code is 2 if
    anything is. Options that change the config change what is checked; nothing is hired, trained or logged.
    """
    from ftk.cli.plan import plan_lines, planned
    from ftk.errors import ProblemsFound, UsageError
    from ftk.hooks.stages import RUN_STAGES

    try:
        resolved, place = prepare(config, Changes(**changes), runs_dir, backend)
    except UsageError as error:
        if not as_json:
            raise
        found = [asdict(problem) for problem in error.problems] if isinstance(error, ProblemsFound) else [_told(error)]
        click.echo(json.dumps({"config": str(config), "ok": False, "problems": found}))
        return error.exit_code
    if as_json:
        plan = {"stages": planned(resolved, RUN_STAGES[-1]), "backend": place.name}
        click.echo(json.dumps({"config": str(config), "ok": True, "problems": [], **plan}))
        return 0
    click.echo(f"{config} is fine; `ftk run` would do, on the backend {place.name}:")
    for line in plan_lines(resolved, RUN_STAGES[-1]):
        click.echo(line)
    return 0


def _told(error: "UsageError") -> dict[str, str | None]:
    return {"place": None, "message": error.message, "remedy": error.remedy}
