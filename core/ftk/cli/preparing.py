"""A config as commands take it: the options that change it, and all that is checked before a run is made."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ftk.cli.options import PATH, load_plugins_for, plugin_options, tell_troubles

if TYPE_CHECKING:
    from ftk.backend import Backend
    from ftk.config.resolve import Config, Override

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Changes:
    """The values of the options of `config_options`."""

    data: Path | None
    sets: tuple[str, ...]
    engine: str | None
    gpu: str | None
    loggers: tuple[str, ...]
    no_merge: bool
    plugins: tuple[Path, ...]
    trust: bool

    @property
    def keys(self) -> list[str]:
        """Changed keys as `--set` has them; flags come last and so win."""
        return [*self.sets, *self._flags.values()]

    @property
    def _flags(self) -> dict[str, str]:
        """The flags that were given, each with the key that it changes."""
        named = ", ".join(name for name in self.loggers if name != "none")
        return {
            **({"--no-merge": "ftk.stages.merge=none"} if self.no_merge else {}),
            **({"--engine": f"ftk.engine={self.engine}"} if self.engine else {}),
            **({"--gpu": f"ftk.resources.gpu={_quoted(self.gpu)}"} if self.gpu else {}),
            **({"--logger": f"ftk.loggers=[{named}]"} if self.loggers else {}),
        }

    def overrides(self, backend: str | None) -> "list[Override]":
        """Everything that changes a config: the environment, then these, then the flag for the backend."""
        from ftk.config.resolve import environment_overrides, parse_set

        flags = {**self._flags, **({"--backend": f"ftk.backend={backend}"} if backend else {})}
        # A problem is told where the person wrote it: at the flag.
        named = [replace(parse_set(key), origin=flag) for flag, key in flags.items()]
        return [*environment_overrides(), *map(parse_set, self.sets), *named]


def _quoted(text: str) -> str:
    """A list as it is, and a text as YAML takes it: with a colon in it."""
    return text if text.startswith("[") else json.dumps(text)


def config_options(function: F) -> F:
    """What changes a config for one run; a command takes the values as `Changes`."""
    for option in reversed(
        [
            click.option("--data", type=PATH, help="Data file to use in place of the config's."),
            click.option(
                "--set", "sets", multiple=True, metavar="KEY=VALUE", help="Change a key of the config; may be repeated."
            ),
            click.option("--engine", metavar="NAME", help="Who trains [FTK_ENGINE, else the config's]."),
            click.option("--gpu", metavar="NAME[:COUNT]", help="GPUs to hire, such as a100-80gb:2 [GPU_CONFIG]."),
            click.option(
                "--logger", "loggers", multiple=True, metavar="NAME", help="Who logs; may be repeated; none for nobody."
            ),
            click.option("--no-merge", is_flag=True, help="Keep the adapter beside the base model."),
        ]
    ):
        function = option(function)
    return plugin_options(function)


def prepare(path: Path, changes: Changes, runs_dir: Path | None, backend: str | None) -> "tuple[Config, Backend]":
    """The resolved config of a new run and the place where it will live, after all checks.

    :raises UsageError: with everything that is wrong.
    """
    from ftk.home import Home
    from ftk.runs.create import prepare_config, refuse_backend

    home = Home.find(runs_dir)
    manager, overrides = load_plugins_for(path, changes.overrides(backend), changes.plugins, changes.trust, home)
    config = prepare_config(path, changes.data, overrides, manager)
    place = manager.backend(config.ftk["backend"], home)
    refuse_backend(config, place, manager)
    tell_troubles(manager)
    return config, place
