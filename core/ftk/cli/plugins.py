"""`ftk plugins`: the installed plugins."""

import json
from dataclasses import asdict

import click

from ftk.cli.options import json_option


@click.command("plugins", epilog="Example: ftk plugins --json")
@json_option
def command(as_json: bool) -> None:
    """List the installed plugins.

    A broken one is told with what is wrong with it.
    """
    from ftk.loading import find_plugins
    from ftk.manager import Manager

    manager = Manager.load()
    working = manager.names()
    rows = []
    for plugin in find_plugins():
        state = "works" if plugin.name in working else manager.broken.get(plugin.name, "disabled")
        rows.append({**asdict(plugin), "state": state})
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.echo(f"{row['name']:<14} {row['package']} {row['version']:<10} {row['module']:<28} {row['state']}")
