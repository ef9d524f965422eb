"""`ftk inspect`: the rows as they are trained, token by token."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftk.cli.options import MOST, TEXT, add_kept_plugins, json_option, load_plugins_for, open_backend, place_options
from ftk.cli.preparing import Changes, config_options

if TYPE_CHECKING:
    from ftk.data.inspection import Staged
    from ftk.data.staged_rows import StagedRow
    from ftk.data.token_texts import TokenTexts


@click.command("inspect", epilog="Example: ftk inspect configs/quickstart.yml --row 41 --ids")
@click.argument("target", metavar="[CONFIG|RUN]", required=False, type=TEXT)
@click.option("--row", "numbers", multiple=True, type=click.IntRange(1), help="Show this row; may be repeated.")
@click.option("--grep", metavar="TEXT", help="Show rows that contain this text.")
@click.option(
    "--limit",
    type=click.IntRange(0, MOST),
    default=3,
    show_default=True,
    help="The most rows to show, if none is named.",
)
@click.option("--ids", is_flag=True, help="Show the id of each token too.")
@config_options
@place_options
@json_option
def command(
    target: str | None,
    numbers: tuple[int, ...],
    grep: str | None,
    limit: int,
    ids: bool,
    runs_dir: Path | None,
    backend: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Show the rows as they are trained, token by token.

    Of CONFIG, the rows are tokenised as `ftk run` would do it, which needs the tokenizer alone; of RUN, they are those
    that it was trained with; the newest run's, if nothing is named. What is between « and » is trained. Options that
    change the config change what is checked and tokenised; nothing is hired or logged.
    """
    from ftk.data.token_texts import TokenTexts

    if target and (Path(target).is_file() or Path(target).suffix in (".yml", ".yaml")):
        opened = _of_config(Path(target), Changes(**options), runs_dir, backend)
    elif any(value for name, value in options.items() if name != "trust"):
        raise click.UsageError("options that change a config go with a config; a run keeps what it was made with")
    else:
        opened = _of_run(target, options["trust"], runs_dir, backend)
    with opened as staged:
        _refuse_raw(staged)
        texts = TokenTexts(staged.tokenizer)
        rows = _chosen(staged, texts, numbers, grep, limit)
        if as_json:
            click.echo(json.dumps(_as_json(staged, rows, texts)))
        else:
            _print(staged, rows, texts, ids)


def _of_config(
    path: Path, changes: Changes, runs_dir: Path | None, backend: str | None
) -> "AbstractContextManager[Staged]":
    from ftk.data.inspection import staged_by_config
    from ftk.home import Home
    from ftk.runs.create import prepare_config

    home = Home.find(runs_dir)
    manager, overrides = load_plugins_for(path, changes.overrides(backend), changes.plugins, changes.trust, home)
    return staged_by_config(home, manager, prepare_config(path, changes.data, overrides, manager))


def _of_run(
    name: str | None, trust: bool, runs_dir: Path | None, backend: str | None
) -> "AbstractContextManager[Staged]":
    from ftk.data.inspection import staged_by_run
    from ftk.home import Home
    from ftk.runs.record import find_run

    place, manager = open_backend(runs_dir, backend)
    record = find_run(place, name)
    add_kept_plugins(record, manager, trust)
    return staged_by_run(Home.find(runs_dir), manager, record)


def _chosen(
    staged: "Staged", texts: "TokenTexts", numbers: tuple[int, ...], grep: str | None, limit: int
) -> "list[StagedRow]":
    """Those of the rows named, or else the first, that contain the text; a long row may have become several."""
    named = list(_rows(staged, numbers)) if numbers else []
    _refuse_missing(numbers, named)
    rows = named or _rows(staged, ())
    found = (row for row in rows if grep is None or any(grep in texts.whole(part.ids) for part in row.parts))
    return list(found if numbers else islice(found, limit))


def _rows(staged: "Staged", numbers: tuple[int, ...]) -> "Iterator[StagedRow]":
    from ftk.data.staged_rows import read_rows, splits

    for split in splits(staged):
        yield from read_rows(staged, split, lambda number: not numbers or number in numbers)


def _refuse_raw(staged: "Staged") -> None:
    from ftk.errors import UsageError

    if not staged.data.train_rows:
        provider = staged.config.provider("stage_data")
        message = f"{provider} leaves the rows to the engine as they are, so that their tokens are not known before"
        raise UsageError(
            message, "let another plugin provide stage_data, if it knows their type: `ftk plugins` lists them"
        )


def _refuse_missing(numbers: tuple[int, ...], rows: "list[StagedRow]") -> None:
    from ftk.errors import UsageError

    missing = sorted(set(numbers) - {row.number for row in rows})
    if missing:
        message = f"there is no row {', '.join(map(str, missing))} among those that are trained or held out"
        raise UsageError(message, "rows are counted from 1 over all data sets; some may be left out for their length")


def _print(staged: "Staged", rows: "list[StagedRow]", texts: "TokenTexts", ids: bool) -> None:
    from ftk.cli.drawing import draw_left_out, draw_row, draw_statistics
    from ftk.data.statistics import count

    for row in rows:
        click.echo("\n".join(draw_row(row, texts, ids)) + "\n")
    for line in (*draw_statistics(count(staged), staged.config["sequence_len"]), *draw_left_out(staged.data)):
        click.echo(line)


def _as_json(staged: "Staged", rows: "list[StagedRow]", texts: "TokenTexts") -> dict[str, Any]:
    from ftk.data.statistics import count

    found = []
    for row in rows:
        parts = [{**asdict(part), "tokens": texts.each(part.ids)} for part in row.parts]
        found.append({**asdict(row), "parts": parts})
    return {"data": staged.data.to_json(), "statistics": asdict(count(staged)), "rows": found}
