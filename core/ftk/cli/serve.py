"""`ftk serve`: answer requests with the model of a run."""

from typing import Any

import click

from ftk.cli.options import TEXT, open_backend, refuse_beside
from ftk.cli.ordering import Wanted, carry_out, server_options


@click.command("serve", epilog="Example: ftk serve my-sql --port 8080")
@click.option("--host", type=TEXT, help="Where to listen [ftk.serve.host, else this machine alone].")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port to listen on [ftk.serve.port, else 8000]; 0 for a free one.",
)
@click.option(
    "--api-key", "key", type=TEXT, metavar="KEY", help="The key itself, which others on this machine may then see."
)
@click.option("--detach", is_flag=True, help="Return when it is ready, and leave it.")
@server_options
def command(host: str | None, port: int | None, key: str | None, detach: bool, **values: Any) -> None:
    """Answer requests with the model of a run.

    Every client of the OpenAI API can ask the model of RUN, by default that of the newest run with a model. Of several
    runs on the same base model each adapter is served, by its run's name. Ctrl-C stops the server.
    """
    wanted = Wanted(**values)
    if key:
        refuse_beside("--api-key", "variable")
    place, manager = open_backend(wanted.runs_dir, wanted.backend)
    flags = {"--host": ("ftk.serve.host", host), "--port": ("ftk.serve.port", port)}
    carry_out(wanted, place, manager, detach, key, flags)
