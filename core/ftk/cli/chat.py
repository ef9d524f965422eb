"""`ftk chat`: talk with a tuned model."""

from pathlib import Path
from typing import Any

import click

from ftk.cli.options import complete_run, place_options, trust_option


@click.command("chat", epilog="Example: ftk chat my-sql --temperature 0.7")
@click.argument("run", required=False, shell_complete=complete_run)
@click.option("--base", is_flag=True, help="Talk with the base model, untuned.")
@click.option("--url", help="Talk with a server, such as http://127.0.0.1:8000, in place of a run.")
@click.option("--model", help="With --url: which of its models; else the first.")
@click.option("--api-key-env", "variable", metavar="VARIABLE", help="With --url: where its key is [FTK_API_KEY].")
@click.option("--raw", is_flag=True, help="Give each line to the model as it stands, without the chat template.")
@click.option("--system", metavar="TEXT", help="What the model is told beforehand.")
@click.option("--max-new-tokens", type=click.IntRange(1), default=256, show_default=True, help="Length of an answer.")
@click.option("--temperature", type=click.FloatRange(0, 2), default=0.0, show_default=True, help="0 is greedy.")
@click.option("--top-p", type=click.FloatRange(0, 1, min_open=True), help="Draw from the tokens with this share.")
@click.option("--seed", type=click.IntRange(0), help="Draw the same answers each time.")
@click.option("--stop", multiple=True, metavar="TEXT", help="End an answer before this text; may be repeated.")
@click.option("--server", metavar="NAME", help="The plugin that serves the run meanwhile [ftk.stages.serve].")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Change the config for that server.")
@trust_option
@place_options
def command(
    run: str | None,
    base: bool,
    url: str | None,
    model: str | None,
    variable: str | None,
    raw: bool,
    system: str | None,
    server: str | None,
    sets: tuple[str, ...],
    trust: bool,
    runs_dir: Path | None,
    backend: str | None,
    **sampling: Any,
) -> None:
    """Talk with a tuned model.

    It is that of RUN, by default of the newest run; a server of its own answers, and ends with the talk. /reset begins
    anew, /quit or Ctrl-D ends, Ctrl-C interrupts an answer. Without a terminal, each line of the standard input is
    answered in turn.
    """
    if url and (run or base or server or sets or trust):
        raise click.UsageError(
            "--url names a server; RUN, --base, --server, --set and --trust are for one that is started"
        )
    if not url and (model or variable):
        raise click.UsageError("--model and --api-key-env go with --url")
    if raw and system:
        raise click.UsageError("--system goes through the chat template, which --raw leaves out")
    from ftk.cli.talking import Wish, talk_with_run, talk_with_server

    if not sampling["temperature"] and any(sampling[name] is not None for name in ("top_p", "seed")):
        raise click.UsageError("--top-p and --seed draw answers: they need a --temperature above 0")
    wish = Wish(raw, system, {name: value for name, value in sampling.items() if value not in (None, ())})
    if url:
        return talk_with_server(url, model, variable, wish)
    talk_with_run(run, base, server, sets, trust, runs_dir, backend, wish)
