"""The course of `ftk serve`: a server is started, watched, and stopped or left."""

import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from ftk.cli.follow import noted
from ftk.cli.pasting import tell
from ftk.cli.view import make_view
from ftk.errors import Cancelled
from ftk.runs.events import Event
from ftk.server import Server
from ftk.serving.keys import Key, find_key, is_loopback
from ftk.serving.starting import Launch, Order, prepare
from ftk.serving.watching import end_of, is_there, wait_until_ready

if TYPE_CHECKING:
    from ftk.config.resolved import Config
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
    key: str | None = field(repr=False)
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
            raise end_of(backend, server, manager.advice(server.environment))
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
            raise end_of(launch.record.backend, server, call.manager.advice(server.environment))
        time.sleep(POLL)
