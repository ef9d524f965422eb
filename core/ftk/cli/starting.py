"""Have the driver of a run work on it, and watch it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftk.cli.options import add_kept_plugins, open_backend

if TYPE_CHECKING:
    from ftk.config.overrides import Override
    from ftk.config.resolved import Config
    from ftk.runs.record import RunRecord


def changed_run(
    name: str | None, changes: "Sequence[Override]", runs_dir: Path | None, backend: str | None, trust: bool
) -> "tuple[RunRecord, Config]":
    """An existing run whose config may be changed so, and the changed config: the driver will make it the run's.

    :param changes: a wrong one is told at once.
    :param trust: run the code of its plugin files without a question.
    """
    from ftk.runs.create import refuse_backend
    from ftk.runs.opening import changed_record
    from ftk.runs.record import find_run

    place, manager = open_backend(runs_dir, backend)
    record = find_run(place, name)
    add_kept_plugins(record, manager, trust)
    config = changed_record(record, changes, manager)
    refuse_backend(config, place, manager)
    return record, config


def set_arguments(changes: "Sequence[Override]") -> list[str]:
    """The driver's arguments that change the config."""
    return [part for item in changes for part in ("--set", item.text)]


def start(record: "RunRecord", config: "Config", arguments: Sequence[str], detach: bool, as_json: bool) -> None:
    """Start the run's driver and follow it to its end, unless told to return at once.

    :param config: the run's, with what the arguments change.
    :param arguments: the driver's.
    :raises FtkError: when it was followed, and failed, was cancelled or died.
    """
    from ftk.cli.follow import follow_own
    from ftk.cli.summary import print_summary
    from ftk.runs.events import BEGINNING

    before = sum(event.kind == BEGINNING for event in record.events())
    record.backend.submit(record.id, arguments, config.values)
    if not detach:
        follow_own(record, before)
    if as_json:
        click.echo(json.dumps(_as_json(record)))
    elif detach:
        click.echo(f"{record.id} is running; `ftk attach {record.id}` shows it")
    else:
        print_summary(record)


def _as_json(record: "RunRecord") -> dict[str, Any]:
    place, summary = record.backend.describe(record.id, ""), record.summary() or {}
    return {"run": record.id, "folder": place, "state": record.state(), "scores": summary.get("scores")}
