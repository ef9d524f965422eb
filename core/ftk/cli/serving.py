"""Start a server, tell how to ask it, and watch it."""

import json
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ftk.cli.follow import noted
from ftk.cli.view import make_view
from ftk.errors import Cancelled
from ftk.runs.events import Event
from ftk.server import Server
from ftk.serving.keys import Key, find_key, is_loopback
from ftk.serving.starting import Launch, Order, prepare
from ftk.serving.watching import end_of, is_there, wait_until_ready

if TYPE_CHECKING:
    from ftk.config.resolve import Config
    from ftk.hooks.manager import Manager

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

POLL = 0.2
"""Seconds between two looks for a signal."""

LOOKS_PER_CHECK = 10
"""Looks between two checks that the server is still there, which cost more."""


@dataclass(frozen=True)
class Call:
    """What somebody typed.

    :param order: what is to be served.
    :param key: the key of requests, where it was typed.
    :param variable: the environment variable with the key, where one was named.
    :param as_json: for scripts.
    """

    order: Order
    manager: "Manager"
    key: str | None
    variable: str | None
    as_json: bool


def serve(call: Call, detach: bool) -> None:
    """Start a server and watch it until it is stopped, which ends it; or leave it when it is ready.

    :raises FtkError: when the server ends by itself.
    """
    backend = call.order.records[0].backend
    config = call.order.config(call.manager)
    needed = backend.servers_are_public or not is_loopback(config.ftk["serve"]["host"])
    key = find_key(call.key, call.variable, needed)
    launch = prepared(call.order, config, call.manager, key)
    with noted(*STOPS) as signals:
        server = started(launch, call.manager, signals)
        if detach:
            return tell(server, key, call.as_json)
        try:
            tell(server, key, call.as_json)
            _watch(launch, server, call, signals)
        finally:
            backend.stop_server(server.id)
    click.echo(f"{server.id} is stopped", err=True)
    raise click.Abort


def prepared(order: Order, config: "Config", manager: "Manager", key: Key | None) -> Launch:
    """See `ftk.serving.starting.prepare`; what happens meanwhile is shown."""
    with make_view() as view:
        try:
            return prepare(order, config, manager, key.value if key else None, view.show)
        except Cancelled:
            raise click.Abort from None


def started(launch: Launch, manager: "Manager", signals: list[int]) -> Server:
    """Start a server and wait until it is ready; otherwise nothing of it is left.

    :param signals: grows with the signals by which somebody stops it.
    :raises FtkError: when it ends before.
    :raises click.Abort: when it was stopped.
    """
    backend = launch.record.backend
    server = launch.start()
    ready = False
    try:
        with make_view() as view:

            def waited(seconds: float) -> None:
                view.show(Event(time.time(), "server_starting", {"seconds": seconds}))

            ready = wait_until_ready(backend, server, lambda: bool(signals), waited)
        if signals:
            raise click.Abort
        if not ready:
            raise end_of(backend, server, manager.advice())
        return server
    finally:
        if not ready or signals:
            backend.stop_server(server.id)


def _watch(launch: Launch, server: Server, call: Call, signals: list[int]) -> None:
    """Return as soon as a signal comes.

    :raises FtkError: when the server ends before.
    """
    if not call.as_json:
        click.echo("\nCtrl-C stops it", err=True)
    looks = 0
    while not signals:
        looks += 1
        if looks % LOOKS_PER_CHECK == 0 and not is_there(launch.record.backend, server):
            raise end_of(launch.record.backend, server, call.manager.advice())
        time.sleep(POLL)


def tell(server: Server, key: Key | None, as_json: bool) -> None:
    """Say that a server is ready, and how to ask it."""
    endpoint = server.endpoint
    if as_json:
        made = key.value if key and not key.variable else None
        told = {"id": server.id, "url": server.url, "models": endpoint.models, "runs": endpoint.runs, "key": made}
        click.echo(json.dumps(told))
        return
    click.echo(f"{server.url} serves {', '.join(endpoint.models)}")
    if key and not key.variable:
        click.echo(f"key: {key.value} (it is shown this once)")
    click.echo(f"\n{_curl(server, key)}\n\n{_python(server, key)}")


def _question(server: Server) -> tuple[str, dict[str, Any]]:
    """The path of a first request, and what it says."""
    given = {"model": server.endpoint.models[0], "max_tokens": 32}
    if server.endpoint.chats:
        return "chat/completions", {**given, "messages": [{"role": "user", "content": "Hello"}]}
    return "completions", {**given, "prompt": "Hello"}


def _curl(server: Server, key: Key | None) -> str:
    path, body = _question(server)
    secret = f' -H "Authorization: Bearer {key.for_shell}"' if key else ""
    return f"curl {server.url}/v1/{path}{secret} -H \"Content-Type: application/json\" -d '{json.dumps(body)}'"


def _python(server: Server, key: Key | None) -> str:
    path, body = _question(server)
    secret = f'os.environ["{key.variable}"]' if key and key.variable else repr(key.value if key else "none")
    given = ", ".join(f"{name}={json.dumps(value)}" for name, value in body.items())
    text = "message.content" if server.endpoint.chats else "text"
    return "\n".join(
        [
            "import os, openai" if key and key.variable else "import openai",
            f'client = openai.OpenAI(base_url="{server.url}/v1", api_key={secret})',
            f"print(client.{path.replace('/', '.')}.create({given}).choices[0].{text})",
        ]
    )
