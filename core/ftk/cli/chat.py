"""`ftk chat`: talk with a tuned model."""

from pathlib import Path
from typing import Any

import click

from ftk.cli.asking import asking_options, refuse_mixture, sampling
from ftk.cli.options import TEXT, complete_run, place_options, trust_option


@click.command("chat", epilog="Example: ftk chat my-sql --temperature 0.7")
@click.argument("run", required=False, type=TEXT, shell_complete=complete_run)
@click.option("--raw", is_flag=True, help="Give each line to the model as it stands, without the chat template.")
@click.option("--system", type=TEXT, metavar="TEXT", help="What the model is told beforehand.")
@asking_options
@click.option(
    "--server", type=TEXT, metavar="NAME", help="The plugin that serves the run meanwhile [ftk.stages.serve]."
)
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
    **values: Any,
) -> None:
    """Talk with a tuned model.

    It is that of RUN, by default of the newest run with a model; a server of its own answers, and ends with the talk.
    /reset begins anew, /quit or Ctrl-D ends, Ctrl-C interrupts an answer. Without a terminal, each line of the standard
    input is answered in turn.
    """
    refuse_mixture(url, model, variable)
    if raw and system:
        raise click.UsageError("--system goes through the chat template, which --raw leaves out")
    from ftk.cli.talking import Wish, talk_with_run, talk_with_server

    wish = Wish(raw, system, sampling(values))
    if url:
        return talk_with_server(url, model, variable, wish)
    talk_with_run(run, base, server, sets, trust, runs_dir, backend, wish)
