"""`ftk eval`: measure a tuned model against its base."""

import json
from pathlib import Path

import click

from ftk.cli.options import COUNT, PATH, json_option, place_options, run_argument, trust_option


@click.command("eval", epilog="Example: ftk eval my-sql --rows 50 --metric my_metrics.py:same_words")
@run_argument()
@click.option("--data", type=PATH, help="A file of rows in the run's format, in place of those it held out.")
@click.option("--rows", type=COUNT, default=100, show_default=True, help="Take so many rows at most.")
@click.option("--max-new-tokens", type=COUNT, help="Length of an answer [ftk.evaluate.max_new_tokens].")
@click.option(
    "--metric",
    "named",
    multiple=True,
    metavar="FILE.py:NAME",
    help="A function of yours of (prompt, answer, expected); may be repeated.",
)
@trust_option
@place_options
@json_option
def command(
    run: str | None,
    data: Path | None,
    rows: int,
    max_new_tokens: int | None,
    named: tuple[str, ...],
    trust: bool,
    runs_dir: Path | None,
    backend: str | None,
    as_json: bool,
) -> None:
    """Measure a tuned model against its base.

    RUN is its name or the beginning of its id; the newest one with a model, if none is named. Both models get the rows
    that were held out: how well they expect them (loss, perplexity), and how well they answer them.
    """
    from ftk.cli.measures import evaluation_lines
    from ftk.cli.options import add_kept_plugins, open_backend
    from ftk.cli.view import make_view
    from ftk.errors import Cancelled
    from ftk.runs.evaluating import Wanted, evaluate
    from ftk.runs.inference import find_tuned
    from ftk.runs.metrics import load_metric
    from ftk.runs.visiting import refuse_visit

    wanted = Wanted(data, rows, max_new_tokens, [load_metric(item) for item in named])
    place, manager = open_backend(runs_dir, backend)
    record = find_tuned(place, run)
    add_kept_plugins(record, manager, trust)
    refuse_visit(record, ["score", "generate"], manager)
    try:
        with make_view() as view:
            found, trouble = evaluate(record, wanted, view.show)
    except Cancelled:
        click.echo("stopped", err=True)
        raise click.Abort from None
    for line in [json.dumps({"run": record.id, **found})] if as_json else evaluation_lines(found):
        click.echo(line)
    if trouble:
        raise trouble
