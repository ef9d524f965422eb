"""`ftk run`: make a run, or go on with one, and watch it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftk.cli.options import PATH, TEXT, complete_run, json_option, place_options
from ftk.cli.preparing import Changes, config_options, prepare
from ftk.hooks.stages import RUN_STAGES

if TYPE_CHECKING:
    from ftk.backend import Backend
    from ftk.config.resolved import Config


@click.command("run", epilog="Example: ftk run configs/quickstart.yml --set lora_r=8")
@click.argument("config", required=False, type=PATH)
@click.option(
    "--resume",
    type=TEXT,
    metavar="RUN",
    shell_complete=complete_run,
    help="Go on with this run instead of making one; finished stages are kept.",
)
@click.option("--name", type=TEXT, metavar="NAME", help="A name for the new run, by which commands find it.")
@config_options
@click.option(
    "--from", "first", type=click.Choice(RUN_STAGES), help="With --resume: do this stage and all later ones again."
)
@click.option(
    "--until", type=click.Choice(RUN_STAGES), default=RUN_STAGES[-1], show_default=True, help="The last stage to do."
)
@click.option("--detach", is_flag=True, help="Return at once; `ftk attach` shows the run.")
@click.option("--dry-run", is_flag=True, help="Check everything and print what would be done; change nothing.")
@place_options
@json_option
def command(
    config: Path | None,
    resume: str | None,
    name: str | None,
    first: str | None,
    until: str,
    detach: bool,
    dry_run: bool,
    runs_dir: Path | None,
    backend: str | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Fine-tune: stage data, prepare model, train, merge, and say what came out.

    CONFIG says with what. Ctrl-C stops the run after a checkpoint; closing the terminal does not touch it.
    """
    from ftk.cli.starting import changed_run, set_arguments, start
    from ftk.home import Home
    from ftk.runs.cache import Cache
    from ftk.runs.create import create_run
    from ftk.runs.record import RunRecord

    changes = Changes(**values)
    if bool(config) == bool(resume):
        raise click.UsageError("name a config to start a run, or --resume RUN to go on with one")
    if resume and (changes.data or dry_run or changes.plugins or name is not None):
        raise click.UsageError("--data, --plugin, --name and --dry-run go with a new run; a run keeps what it has")
    if first and not resume:
        raise click.UsageError("--from goes with --resume")
    if first and RUN_STAGES.index(first) > RUN_STAGES.index(until):
        raise click.UsageError(f"--from {first} begins after --until {until} has ended")
    arguments = ["--until", until, *(["--from", first] if first else [])]
    if config is None:
        record, changed = changed_run(resume, changes.asked, runs_dir, backend, changes.trust)
        start(record, changed, [*arguments, *set_arguments(changes.asked)], detach, as_json)
        return
    resolved, place = _checked(config, changes, name, runs_dir, backend)
    if dry_run:
        _show_plan(resolved, place, until, as_json)
        return
    if resolved.works_here:
        Cache(Home.find(runs_dir).cache).refuse_unwritable()
    record = RunRecord(place, create_run(resolved, config, place, name))
    start(record, record.config(), arguments, detach, as_json)


def _checked(
    config: Path, changes: Changes, name: str | None, runs_dir: Path | None, backend: str | None
) -> "tuple[Config, Backend]":
    """What `prepare` gives, of a run that may have this name."""
    from ftk.runs.names import refuse_name

    resolved, place = prepare(config, changes, runs_dir, backend)
    if name is not None:
        refuse_name(name, place.runs())
    return resolved, place


def _show_plan(resolved: "Config", place: "Backend", until: str, as_json: bool) -> None:
    from ftk.cli.plan import plan_lines, planned

    if as_json:
        click.echo(json.dumps({"stages": planned(resolved, until), "config": resolved.values}))
        return
    click.echo("would do, and nothing was changed:")
    for line in plan_lines(resolved, until):
        click.echo(line)
    click.echo(f"on the backend {place.name}, with this config:\n")
    click.echo(resolved.dump(), nl=False)
