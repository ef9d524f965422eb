"""`ftk run`: make a run, or go on with one, and watch it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftk.cli.options import json_option, load_plugins_for, place_options, plugin_options, tell_troubles

if TYPE_CHECKING:
    from ftk.backend import Backend
    from ftk.config import Config, Override
    from ftk.home import Home
    from ftk.manager import Manager
    from ftk.record import RunRecord

STAGES = click.Choice(["stage_data", "prepare_model", "train", "merge"])


@click.command("run", epilog="Example: ftk run configs/quickstart.yml --set lora_r=8")
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option("--resume", metavar="RUN", help="Go on with this run instead of making one; finished stages are kept.")
@click.option("--data", type=click.Path(path_type=Path), help="Data file to use in place of the config's.")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Change a key of the config; may be repeated.")
@click.option("--engine", metavar="NAME", help="Who trains [FTK_ENGINE, else the config's].")
@click.option("--logger", "loggers", multiple=True, metavar="NAME", help="Who logs; may be repeated; none for nobody.")
@click.option("--from", "first", type=STAGES, help="With --resume: do this stage and all later ones again.")
@click.option("--until", type=STAGES, default="merge", show_default=True, help="The last stage to do.")
@click.option("--no-merge", is_flag=True, help="Keep the adapter beside the base model.")
@click.option("--detach", is_flag=True, help="Return at once; `ftk attach` shows the run.")
@click.option("--dry-run", is_flag=True, help="Check everything and print what would be done; change nothing.")
@plugin_options
@place_options
@json_option
def command(
    config: Path | None,
    resume: str | None,
    data: Path | None,
    sets: tuple[str, ...],
    engine: str | None,
    loggers: tuple[str, ...],
    first: str | None,
    until: str,
    no_merge: bool,
    detach: bool,
    dry_run: bool,
    plugins: tuple[Path, ...],
    trust: bool,
    runs_dir: Path | None,
    backend: str | None,
    as_json: bool,
) -> int | None:
    """Fine-tune: stage data, prepare model, train, merge, and say what came out.

    CONFIG says with what. Ctrl-C stops the run after a checkpoint; closing the terminal does not touch it.
    """
    if bool(config) == bool(resume):
        raise click.UsageError("name a config to start a run, or --resume RUN to go on with one")
    if resume and (data or dry_run or plugins):
        raise click.UsageError("--data, --plugin and --dry-run go with a new run; a run keeps its own copies")
    if first and not resume:
        raise click.UsageError("--from goes with --resume")
    from ftk.home import Home

    changed = [*sets, *_flags(no_merge, engine, loggers)]
    arguments = ["--until", until, *(["--from", first] if first else [])]
    if config is None:
        record = _existing(str(resume), changed, runs_dir, backend)
        return _start(record, [*arguments, *(part for item in changed for part in ("--set", item))], detach, as_json)
    home = Home.find(runs_dir)
    manager, overrides = load_plugins_for(config, _overrides(changed, backend), plugins, trust, home)
    resolved, place = _prepare(config, data, overrides, manager, home)
    if dry_run:
        _print_plan(resolved, until, as_json)
        return None
    return _start(_create(config, resolved, place), arguments, detach, as_json)


def _flags(no_merge: bool, engine: str | None, loggers: Sequence[str]) -> list[str]:
    """Flags that stand for keys of the config; they come after `--set` and so win."""
    named = ", ".join(name for name in loggers if name != "none")
    return [
        *(["ftk.stages.merge=none"] if no_merge else []),
        *([f"ftk.engine={engine}"] if engine else []),
        *([f"ftk.loggers=[{named}]"] if loggers else []),
    ]


def _overrides(changed: list[str], backend: str | None) -> "list[Override]":
    from ftk.config import environment_overrides, parse_set

    flags = [f"ftk.backend={backend}"] if backend else []
    return [*environment_overrides(), *(parse_set(item) for item in (*changed, *flags))]


def _prepare(
    path: Path, data: Path | None, overrides: "Sequence[Override]", manager: "Manager", home: "Home"
) -> "tuple[Config, Backend]":
    from ftk.create import prepare_config, refuse_backend

    config = prepare_config(path, data, overrides, manager)
    place = manager.backend(config.ftk["backend"], home)
    refuse_backend(config, place, manager)
    tell_troubles(manager)
    return config, place


def _create(path: Path, config: "Config", place: "Backend") -> "RunRecord":
    from ftk.create import create_run
    from ftk.record import RunRecord

    return RunRecord(place, create_run(config, path, place))


def _existing(name: str, changed: list[str], runs_dir: Path | None, backend: str | None) -> "RunRecord":
    from ftk.cli.options import open_backend
    from ftk.config import parse_set, resolve
    from ftk.create import refuse_backend
    from ftk.marked_yaml import read_yaml
    from ftk.record import find_run

    place, manager = open_backend(runs_dir, backend)
    record = find_run(place, name)
    for file in record.plugin_files():
        manager.add_file(file)
    # Checked here too, so that a wrong key is told at once; the driver makes the change.
    raw = read_yaml(record.config().dump(), "resolved.yml")
    refuse_backend(resolve(raw, [parse_set(item) for item in changed], manager), place, manager)
    return record


def _start(record: "RunRecord", arguments: list[str], detach: bool, as_json: bool) -> int:
    from ftk.cli.follow import follow_own
    from ftk.cli.summary import print_summary
    from ftk.events import BEGINNING

    before = sum(event.kind == BEGINNING for event in record.events())
    record.backend.submit(record.id, arguments)
    if not detach:
        code = follow_own(record, before)
        if not as_json:
            print_summary(record)
            return code
    if as_json:
        click.echo(json.dumps(_as_json(record)))
    else:
        click.echo(f"{record.id} is running; `ftk attach {record.id}` shows it")
    return 0


def _as_json(record: "RunRecord") -> dict[str, Any]:
    place, summary = record.backend.describe(record.id, ""), record.summary() or {}
    return {"run": record.id, "folder": place, "state": record.state(), "scores": summary.get("scores")}


def _print_plan(config: "Config", until: str, as_json: bool) -> None:
    from ftk.stages import RUN_STAGES

    stages = RUN_STAGES[: RUN_STAGES.index(until) + 1]
    plan = {stage: config.provider(stage) for stage in stages}
    if as_json:
        click.echo(json.dumps({"stages": plan, "config": config.values}))
        return
    click.echo("would do, and nothing was changed:")
    for stage, provider in plan.items():
        click.echo(f"  {stage} by {provider}")
    click.echo(f"on the backend {config.ftk['backend']}, with this config:\n")
    click.echo(config.dump(), nl=False)
