"""`ftk serve --list` and `--stop`."""

import json
from collections.abc import Sequence
from typing import Any

import click

from ftk.backend import Backend
from ftk.errors import UsageError
from ftk.runs.names import name_in
from ftk.server import Server
from ftk.serving.watching import is_ready


def print_all(backend: Backend, as_json: bool) -> None:
    """List the servers."""
    rows = [_row(server) for server in backend.servers()]
    if as_json:
        click.echo(json.dumps(rows))
    elif not rows:
        click.echo("nothing is served; `ftk serve RUN` does", err=True)
    for row in () if as_json else rows:
        click.echo(f"{row['id']}  {row['state']:<8}  {row['url']}  {', '.join(row['models'])}")


def _row(server: Server) -> dict[str, Any]:
    state = "ready" if is_ready(server) else "starting"
    endpoint = server.endpoint
    return {
        "id": server.id,
        "state": state,
        "url": server.url,
        "has_key": server.has_key,
        "models": endpoint.models,
        "runs": endpoint.runs,
    }


def stop(backend: Backend, names: Sequence[str], everything: bool) -> None:
    """Stop servers.

    :param names: ids, ports or runs; none means the only server.
    :raises UsageError: where it is not clear which, before any is stopped.
    """
    known = backend.servers()
    if everything:
        found = list(known)
    elif names:
        found = [server for name in names for server in _named(name, known)]
    elif len(known) == 1:
        found = list(known)
    else:
        raise UsageError(f"{len(known)} servers are there", "name one, or --all; `ftk serve --list` shows them")
    for server_id in dict.fromkeys(server.id for server in found):
        backend.stop_server(server_id)
        click.echo(f"{server_id} is stopped")


def _named(name: str, known: Sequence[Server]) -> list[Server]:
    found = [server for server in known if name in _names(server)]
    if not found:
        raise UsageError(f"there is no server {name!r}", "`ftk serve --list` shows them")
    return found


def _names(server: Server) -> set[str | None]:
    run = server.endpoint.runs[0]
    return {server.id, run, name_in(run), server.url.rpartition(":")[2]}
