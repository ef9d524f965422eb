"""`ftk deploy`: serve a model from a backend whose servers outlive this machine."""

from typing import Any

import click

from ftk.cli.options import open_backend
from ftk.cli.ordering import Wanted, carry_out, server_options


@click.command("deploy", epilog="Example: ftk deploy my-sql")
@server_options
def command(**values: Any) -> None:
    """Serve the model of a run from where servers outlive this machine.

    It is RUN's, else that of the newest run with a model, for every client of the OpenAI API. That is `ftk serve
    --detach` on a backend whose servers stay when this machine is gone; every request needs the key.
    """
    from ftk.errors import UsageError

    wanted = Wanted(**values)
    place, manager = open_backend(wanted.runs_dir, wanted.backend)
    if not place.servers_are_public:
        message = f"servers of the backend {place.name} end with this machine"
        raise UsageError(message, "`ftk serve --detach` starts one; or name another backend: --backend")
    carry_out(wanted, place, manager, detach=True)
