"""What `ftk serve` and `ftk deploy` have in common: their options, and what comes of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ftk.cli.options import (
    TEXT,
    add_kept_plugins,
    complete_run,
    from_flags,
    json_option,
    place_options,
    refuse_beside,
    trust_option,
)

if TYPE_CHECKING:
    from ftk.backend import Backend
    from ftk.hooks.manager import Manager

F = TypeVar("F", bound=Callable[..., Any])

STARTING = ("base", "server", "host", "port", "variable", "key", "sets", "detach", "trust")
"""The parameters that are about a server which is to be started."""


@dataclass(frozen=True)
class Wanted:
    """The values of the options of `server_options`.

    :raises click.UsageError: where they contradict each other, or one would be ignored.
    """

    runs: tuple[str, ...]
    base: bool
    server: str | None
    variable: str | None
    sets: tuple[str, ...]
    lists: bool
    stops: bool
    everything: bool
    trust: bool
    runs_dir: Path | None
    backend: str | None
    as_json: bool

    def __post_init__(self) -> None:
        if self.lists:
            refuse_beside("--list", "runs", "stops", "everything", *STARTING)
        if self.stops:
            refuse_beside("--stop", "as_json", *STARTING)
        if self.everything and not self.stops:
            raise click.UsageError("--all goes with --stop")
        if self.everything:
            refuse_beside("--all", "runs")
        if self.base and len(self.runs) > 1:
            raise click.UsageError("--base serves one base model; name one run")


def server_options(function: F) -> F:
    """Which model is served and by whom, and which servers are listed or stopped: a command takes them as `Wanted`."""
    function = trust_option(place_options(json_option(function)))
    for option in reversed(
        [
            click.argument("runs", nargs=-1, type=TEXT, metavar="[RUN...]", shell_complete=complete_run),
            click.option("--base", is_flag=True, help="Serve the base model, untuned."),
            click.option("--server", type=TEXT, metavar="NAME", help="The plugin that serves [ftk.stages.serve]."),
            click.option(
                "--api-key-env",
                "variable",
                type=TEXT,
                metavar="VARIABLE",
                help="Variable with the key of requests [FTK_API_KEY].",
            ),
            click.option(
                "--set", "sets", multiple=True, metavar="KEY=VALUE", help="Change the config for this server."
            ),
            click.option("--list", "lists", is_flag=True, help="List the servers."),
            click.option(
                "--stop", "stops", is_flag=True, help="Stop servers, named by run, id or port; else the only one."
            ),
            click.option("--all", "everything", is_flag=True, help="With --stop: all of them."),
        ]
    ):
        function = option(function)
    return function


def carry_out(
    wanted: Wanted,
    place: "Backend",
    manager: "Manager",
    detach: bool,
    key: str | None = None,
    flags: Mapping[str, tuple[str, Any]] | None = None,
) -> None:
    """List, stop or start servers, as it is wanted.

    :param detach: leave the server that was started.
    :param key: of requests, where it was typed.
    :param flags: further ones that change the config; see `from_flags`.
    """
    from ftk.cli import servers, serving
    from ftk.config.overrides import parse_set
    from ftk.runs.inference import find_tuned
    from ftk.runs.record import find_run
    from ftk.serving.starting import Order

    if wanted.lists:
        return servers.print_all(place, wanted.as_json)
    if wanted.stops:
        return servers.stop(place, wanted.runs, wanted.everything)
    records = [find_run(place, run) for run in dict.fromkeys(wanted.runs)] or [find_tuned(place, None)]
    add_kept_plugins(records[0], manager, wanted.trust)
    given = {"--server": ("ftk.stages.serve", wanted.server), **(flags or {})}
    order = Order(records, wanted.base, [*map(parse_set, wanted.sets), *from_flags(given)])
    serving.serve(serving.Call(order, manager, key, wanted.variable, wanted.as_json), detach)
