"""`ftk infer`: ask a tuned model."""

import json
from pathlib import Path

import click

from ftk.cli.options import json_option, place_options


@click.command("infer", epilog='Example: ftk infer "[INST] say hello in SQL [/INST]"')
@click.argument("prompt")
@click.option("--run", "run_name", metavar="RUN", help="The run whose model to ask; else the newest one with a model.")
@click.option("--base", is_flag=True, help="Ask the base model, untuned.")
@click.option("--max-new-tokens", type=click.IntRange(1), default=256, show_default=True, help="Length of the answer.")
@click.option("--temperature", type=click.FloatRange(0), default=0.0, show_default=True, help="0 is greedy.")
@place_options
@json_option
def command(
    prompt: str,
    run_name: str | None,
    base: bool,
    max_new_tokens: int,
    temperature: float,
    runs_dir: Path | None,
    backend: str | None,
    as_json: bool,
) -> None:
    """Ask a tuned model.

    PROMPT is given to it as it stands; write it in the form that it was trained on.
    """
    from ftk.cli.options import open_backend
    from ftk.home import Home
    from ftk.inference import ask, find_tuned

    place, manager = open_backend(runs_dir, backend)
    record = find_tuned(place, run_name)
    request = {"prompt": prompt, "max_new_tokens": max_new_tokens, "temperature": temperature}
    answer = ask(Home.find(runs_dir), manager, record, base, request)
    click.echo(json.dumps({"run": record.id, **answer}) if as_json else answer["text"])
