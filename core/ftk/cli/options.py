"""Options that several commands share, and what they stand for."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from ftk.backend import Backend
    from ftk.config.overrides import Override
    from ftk.home import Home
    from ftk.hooks.manager import Manager
    from ftk.runs.record import RunRecord

F = TypeVar("F", bound=Callable[..., Any])


def _refuse_empty(
    kind: "click.ParamType[Any]", value: Any, param: click.Parameter | None, ctx: click.Context | None
) -> None:
    """Stop at the empty text that an unset variable of a shell makes, and that as a path means the current folder."""
    if value == "":
        kind.fail(f"the {kind.name} is empty; is a variable of the shell unset?", param, ctx)


class _FilledPath(click.Path):
    """A path that is not empty."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        _refuse_empty(self, value, param, ctx)
        return super().convert(value, param, ctx)


class _FilledText(click.types.StringParamType):
    """A text that is not empty, nor bytes that are none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The text."""
        _refuse_empty(self, value, param, ctx)
        text = super().convert(value, param, ctx)
        try:
            text.encode()
        except UnicodeEncodeError:
            self.fail("the text is no UTF-8", param, ctx)
        return text


PATH = _FilledPath(path_type=Path)
"""The type of all paths on the command line."""

TEXT = _FilledText()
"""The type of texts of which an empty one says nothing."""

MOST = 10**9
"""More than there is of anything that is counted; no library counts with what is much larger."""

COUNT = click.IntRange(1, MOST)
"""The type of how many of something are wanted."""


def place_options(function: F) -> F:
    """Where runs live: `--runs-dir` and `--backend`."""
    runs_dir = click.option("--runs-dir", type=PATH, help="Folder of the runs [FTK_RUNS_DIR, else ./runs].")
    backend = click.option(
        "--backend", type=TEXT, metavar="NAME", help="Where runs live and work [FTK_BACKEND, else local]."
    )
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
    from ftk.hooks.trust import read_plugin_file, refuse_untrusted

    added = [read_plugin_file(item.absolute()) for item in plugins]
    # To name a file in the call is to agree: neither is a run that keeps it asked about.
    refuse_untrusted(added, "the call", home.cache, True, _confirm)
    agree = partial(refuse_untrusted, whose="the config", cache=home.cache, trust=trust, ask=_confirm)
    return load_plugins(config, overrides, added, agree)


def trust_option(function: F) -> F:
    """`--trust`, for a command that works with a run."""
    return click.option("--trust", is_flag=True, help="Run the code of the plugin files that the run keeps.")(function)


def from_flags(given: Mapping[str, tuple[str, Any]]) -> "list[Override]":
    """The changes of a config that flags ask for; a problem with one is told at its flag.

    :param given: by the flag, the key that it changes, and the value; None for a flag that was not typed.
    """
    from ftk.config.overrides import Override

    return [Override(tuple(key.split(".")), value, flag) for flag, (key, value) in given.items() if value is not None]


def refuse_beside(option: str, *names: str) -> None:
    """Stop where arguments were typed that would be ignored beside an option.

    :param option: as a person types it.
    :param names: the parameters that say nothing beside it; those that the command does not have are passed over.
    :raises click.UsageError: naming them.
    """
    context = click.get_current_context()
    typed = [item for item in context.command.params if item.name in names and _is_typed(item.name, context)]
    if typed:
        raise click.UsageError(f"{option} does not go with {' and '.join(map(_spelt, typed))}")


def _spelt(item: click.Parameter) -> str:
    return item.opts[0] if isinstance(item, click.Option) else (item.metavar or item.opts[0].upper()).strip("[.]")


def _is_typed(name: str, context: click.Context) -> bool:
    source = context.get_parameter_source(name)
    return source is ParameterSource.COMMANDLINE and context.params[name] not in ((), None)


def add_kept_plugins(record: "RunRecord", manager: "Manager", trust: bool) -> None:
    """Load the plugin files that a run keeps too; the person is asked where needed."""
    from ftk.home import Home
    from ftk.hooks.trust import refuse_untrusted

    kept = record.plugin_files()
    refuse_untrusted(kept, f"the run {record.id}", Home.find().cache, trust, _confirm)
    for file in kept:
        manager.add_file(file)


def _confirm(question: str) -> bool:
    return sys.stdin.isatty() and click.confirm(question, err=True)


def tell_troubles(manager: "Manager") -> None:
    """Warn of plugins that were left out and of those that will not work much longer."""
    for message in (*manager.troubles(), *manager.outdated):
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
    return click.argument("run", required=required, type=TEXT, shell_complete=complete_run)


def json_option(function: F) -> F:
    """`--json`, for scripts."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")(function)


def open_backend(runs_dir: Path | None, backend: str | None) -> "tuple[Backend, Manager]":
    """The backend that the flags or the environment name, and all plugins."""
    from ftk.backend import HERE
    from ftk.home import Home
    from ftk.hooks.manager import Manager

    manager = Manager.load()
    return manager.backend(backend or os.environ.get("FTK_BACKEND") or HERE, Home.find(runs_dir)), manager


def named_run(run: str | None, runs_dir: Path | None, backend: str | None) -> "RunRecord":
    """The run that a command is about: by name, by the beginning of its name, else the newest."""
    from ftk.runs.record import find_run

    return find_run(open_backend(runs_dir, backend)[0], run)
