"""`ftk merge`: fold a run's adapter into its base model."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ftk.cli.options import json_option, place_options, run_argument, trust_option

if TYPE_CHECKING:
    from ftk.runs.record import RunRecord


@click.command("merge", epilog="Example: ftk run configs/quickstart.yml --no-merge && ftk merge latest")
@run_argument(required=True)
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Change a key of the config; may be repeated.")
@click.option("--detach", is_flag=True, help="Return at once; `ftk attach` shows the run.")
@trust_option
@place_options
@json_option
def command(
    run: str,
    sets: tuple[str, ...],
    detach: bool,
    trust: bool,
    runs_dir: Path | None,
    backend: str | None,
    as_json: bool,
) -> None:
    """Fold the adapter of a run into its base model.

    For the first time or again: it is what `ftk run --resume RUN --from merge` does, also for a run that was told
    `--no-merge`.
    """
    from ftk.cli.options import named_run
    from ftk.cli.starting import changed_run, set_arguments, start
    from ftk.config.overrides import Override, parse_set
    from ftk.errors import UsageError
    from ftk.hooks.manager import NO_PROVIDER
    from ftk.runs.create import CONFIG_FILE

    record = named_run(run, runs_dir, backend)
    trained = record.manifests().get("train")
    if not trained or not trained["result"]:
        raise UsageError(f"{record.id} has not finished its training", f"`ftk run --resume {record.id}` goes on")
    changes = [parse_set(item) for item in sets]
    if record.config().provider("merge") == NO_PROVIDER:
        changes.insert(0, Override(("ftk", "stages", "merge"), _provider(record), f"{record.id}/{CONFIG_FILE}"))
    record, config = changed_run(record.id, changes, runs_dir, backend, trust)
    start(record, config, ["--from", "merge", *set_arguments(changes)], detach, as_json)


def _provider(record: "RunRecord") -> str | None:
    """Who merges a run that was told not to: whoever its own config names, or nobody, so that the default does."""
    from ftk.config.marked_yaml import read_yaml
    from ftk.hooks.manager import NO_PROVIDER
    from ftk.runs.create import CONFIG_FILE

    with record.backend.open(record.id, CONFIG_FILE) as stream:
        block = read_yaml(stream.read().decode(), CONFIG_FILE).values.get("ftk") or {}
    named = (block.get("stages") or {}).get("merge")
    return None if named in (None, NO_PROVIDER) else str(named)
