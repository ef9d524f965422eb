"""`ftk env`: the environments of engines on this machine."""

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from ftk.cli.options import json_option

if TYPE_CHECKING:
    from ftk.accelerator import Kind


@click.group("env", epilog="Example: ftk env list")
def command() -> None:
    """List, build or remove the environments of engines.

    An engine whose packages fit nobody else's lives in an environment of its own. It is built when a run first needs
    it; `ftk env build` does that before.
    """


@command.command("list", epilog="Example: ftk env list --json")
@json_option
def list_(as_json: bool) -> None:
    """List what plugins need, and what is built."""
    from ftk.accelerator import find_accelerator
    from ftk.environments.table import rows
    from ftk.home import Home
    from ftk.hooks.manager import Manager

    found = list(rows(Home.find().environments, Manager.load(), find_accelerator().kind))
    if as_json:
        click.echo(json.dumps([asdict(row) for row in found]))
        return
    for row in found:
        size = "" if row.size is None else f"{row.size} MB"
        users = f"used by {', '.join(row.plugins)}" if row.plugins else ""
        click.echo(f"{row.name:<14} {row.accelerator:<5} {row.digest:<12} {row.state:<10} {size:>8}  {users}".rstrip())
    if not found:
        click.echo("no plugin needs an environment of its own")


@command.command("build", epilog="Example: ftk env build NAME --accelerator cpu")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--accelerator", type=click.Choice(["cpu", "cuda"]), help="For which one [this machine's].")
def build(names: tuple[str, ...], accelerator: "Kind | None") -> None:
    """Build environments, so that a run need not, or for a machine without a network.

    What is built already is left as it is. FTK_INSTALLER=uv takes uv in place of pip.
    """
    from ftk.accelerator import find_accelerator
    from ftk.cli.view import make_view
    from ftk.environments.place import Environments
    from ftk.environments.table import find
    from ftk.home import Home
    from ftk.hooks.manager import Manager
    from ftk.runs.events import Event

    manager, environments = Manager.load(), Environments(Home.find().environments)
    kind = accelerator or find_accelerator().kind
    wanted = [find(name, manager, kind) for name in dict.fromkeys(names)]
    with make_view() as view:

        def tell(event: str, **fields: Any) -> None:
            view.show(Event(time.time(), event, fields))

        for environment in wanted:
            environments.realise(environment, tell)
    for environment in wanted:
        click.echo(f"{environment.name}  {environments.interpreter(environment)}")


@command.command("rm", epilog="Example: ftk env rm NAME")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def rm(names: tuple[str, ...]) -> None:
    """Remove environments from the disk.

    NAME is an environment's, for all that was built of it, or NAME-ACCELERATOR-LOCK for one, in the words of `ftk env
    list`. What a run uses at this moment is refused.
    """
    from ftk.environments.table import remove
    from ftk.home import Home

    for name in names:
        for folder in remove(Home.find().environments, name):
            click.echo(f"{folder} is removed")
