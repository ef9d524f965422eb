"""Options that several commands share, and what they stand for."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ftk.backend import Backend
    from ftk.config.resolve import Override
    from ftk.home import Home
    from ftk.hooks.manager import Manager
    from ftk.runs.record import RunRecord

F = TypeVar("F", bound=Callable[..., Any])


class _Named(click.Path):
    """A path, but not the empty one that an unset variable of a shell makes, which would mean the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path.

        :raises click.UsageError: when it is empty.
        """
        if value == "":
            self.fail("the path is empty; is a variable of the shell unset?", param, ctx)
        return super().convert(value, param, ctx)


PATH = _Named(path_type=Path)
"""The type of all paths on the command line."""


def place_options(function: F) -> F:
    """Where runs live: `--runs-dir` and `--backend`."""
    runs_dir = click.option("--runs-dir", type=PATH, help="Folder of the runs [FTK_RUNS_DIR, else ./runs].")
    backend = click.option("--backend", metavar="NAME", help="Where runs live and work [FTK_BACKEND, else local].")
    return runs_dir(backend(function))


def plugin_options(function: F) -> F:
    """Plugins in single files: `--plugin` and `--trust`."""
    plugin = click.option(
        "--plugin",
        "plugins",
        multiple=True,
        metavar="FILE",
        type=PATH,
        help="A plugin in a Python file, beside the installed ones and the config's; may be repeated.",
    )
    trust = click.option("--trust", is_flag=True, help="Run the code of the plugin files that the config names.")
    return plugin(trust(function))


def load_plugins_for(
    config: Path, overrides: "Sequence[Override]", plugins: Sequence[Path], trust: bool, home: "Home"
) -> "tuple[Manager, list[Override]]":
    """All plugins for a config, and the overrides that it is then resolved with; the person is asked where needed."""
    from ftk.hooks.config_plugins import load_plugins
    from ftk.hooks.trust import refuse_untrusted

    def ask(question: str) -> bool:
        return sys.stdin.isatty() and click.confirm(question, err=True)

    return load_plugins(config, overrides, plugins, lambda found: refuse_untrusted(found, home.cache, trust, ask))


def tell_troubles(manager: "Manager") -> None:
    """Warn of plugins that were left out and of those that will not work much longer."""
    for name, reason in manager.broken.items():
        click.echo(f"warning: plugin {name!r} is left out: {reason}", err=True)
    for message in manager.outdated:
        click.echo(f"warning: {message}", err=True)


def complete_run(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The ids and names of runs that begin so, for a shell."""
    from ftk.errors import FtkError
    from ftk.runs.names import LATEST, name_in

    try:
        place, _ = open_backend(context.params.get("runs_dir"), context.params.get("backend"))
        runs = place.runs()
    except FtkError:
        return []  # a shell has no place for an error
    named = [name for name in map(name_in, runs) if name]
    return [item for item in (LATEST, *named, *runs) if item.startswith(incomplete)]


def run_argument(*, required: bool = False) -> Callable[[F], F]:
    """The argument that names a run."""
    return click.argument("run", required=required, shell_complete=complete_run)


def json_option(function: F) -> F:
    """`--json`, for scripts."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")(function)


def open_backend(runs_dir: Path | None, backend: str | None) -> "tuple[Backend, Manager]":
    """The backend that the flags or the environment name, and all plugins."""
    from ftk.home import Home
    from ftk.hooks.manager import Manager

    manager = Manager.load()
    return manager.backend(backend or os.environ.get("FTK_BACKEND") or "local", Home.find(runs_dir)), manager


def named_run(run: str | None, runs_dir: Path | None, backend: str | None) -> "RunRecord":
    """The run that a command is about: by name, by the beginning of its name, else the newest."""
    from ftk.runs.record import find_run

    return find_run(open_backend(runs_dir, backend)[0], run)
