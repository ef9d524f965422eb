"""Have the driver of a run work on it, and watch it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftk.cli.options import open_backend

if TYPE_CHECKING:
    from ftk.runs.record import RunRecord


def changed_run(name: str | None, keys: Sequence[str], runs_dir: Path | None, backend: str | None) -> "RunRecord":
    """An existing run whose config may be changed so.

    :param keys: the changes, as `--set` has them. Only checked, so that a wrong one is told at once: the driver makes
        them.
    """
    from ftk.config.marked_yaml import read_yaml
    from ftk.config.resolve import parse_set, resolve
    from ftk.runs.create import refuse_backend
    from ftk.runs.record import find_run

    place, manager = open_backend(runs_dir, backend)
    record = find_run(place, name)
    for file in record.plugin_files():
        manager.add_file(file)
    raw = read_yaml(record.config().dump(), "resolved.yml")
    refuse_backend(resolve(raw, [parse_set(item) for item in keys], manager), place, manager)
    return record


def set_arguments(keys: Sequence[str]) -> list[str]:
    """The driver's arguments that change the config."""
    return [part for item in keys for part in ("--set", item)]


def start(record: "RunRecord", arguments: Sequence[str], detach: bool, as_json: bool) -> int:
    """Start the run's driver and follow it to its end, unless told to return at once.

    :param arguments: the driver's.
    :returns: the exit code.
    """
    from ftk.cli.follow import follow_own
    from ftk.cli.summary import print_summary
    from ftk.runs.events import BEGINNING

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
