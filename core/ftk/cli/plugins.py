"""`ftk plugins`: list the installed plugins, make a new one, check one."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftk.cli.options import PATH, json_option
from ftk.scaffold.package import KINDS

if TYPE_CHECKING:
    from ftk.hooks.loading import FoundPlugin
    from ftk.hooks.manager import Manager


@click.group("plugins", invoke_without_command=True, epilog="Example: ftk plugins new my_logger --kind logger")
@json_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List the installed plugins, make a new one, or check one.

    Without a command: each plugin with its package, its hooks, and what is wrong with it if it is broken.
    """
    if context.invoked_subcommand:
        return
    from ftk.hooks.loading import find_plugins
    from ftk.hooks.manager import Manager

    manager = Manager.load()
    seen: set[str] = set()
    rows = [_row(plugin, manager, seen) for plugin in find_plugins()]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.echo(f"{row['name']:<14} {row['state']:<9} {row['package']} {row['version']} ({row['module']})")
        if row["problem"] or row["hooks"]:
            click.echo(f"{'':<14} {row['problem'] or ', '.join(row['hooks'])}")


def _row(plugin: "FoundPlugin", manager: "Manager", seen: set[str]) -> dict[str, Any]:
    """What is known of a plugin; of two with one name the second is broken."""
    works = plugin.name in manager.names() and plugin.name not in seen
    seen.add(plugin.name)
    problem = None if works else manager.broken.get(plugin.name)
    state = "broken" if problem else "works" if works else "disabled"
    return {
        **asdict(plugin),
        "state": state,
        "problem": problem,
        "hooks": manager.hooks_of(plugin.name) if works else [],
    }


@command.command("new", epilog="Example: ftk plugins new my_logger --kind logger")
@click.argument("name")
@click.option("--kind", type=click.Choice(list(KINDS)), required=True, help="What the plugin brings.")
@click.option("--folder", type=PATH, help="Where to write it [./ftk-NAME].")
def new(name: str, kind: str, folder: Path | None) -> None:
    """Make a package that works and passes its own tests, to be changed from there."""
    from ftk.scaffold.package import create_package

    target = folder or Path(f"ftk-{name.replace('_', '-')}")
    for path in create_package(name, kind, target):
        click.echo(path)
    click.echo(f'next: cd {target} && pip install -e ".[test]" && pytest && ftk plugins check {name}')


@command.command("check", epilog="Example: ftk plugins check my_logger")
@click.argument("name")
@json_option
@click.pass_context
def check(context: click.Context, name: str, as_json: bool) -> None:
    """Check whether a plugin keeps the rules of its kind.

    NAME is an installed plugin, or the path of one in a single file. Engines and backends do small runs of a tiny
    model, in a folder of their own, which takes a while.
    """
    from ftk.testing.plugins import check_plugin

    found = []
    for finding in check_plugin(name):
        found.append(finding)
        if not as_json:
            click.echo(f"{'no' if finding.problem else 'ok':<4}{finding.what}")
            if finding.problem:
                click.echo(f"    {finding.problem}")
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in found]))
    context.exit(any(finding.problem for finding in found))
