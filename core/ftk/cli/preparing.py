"""A config as commands take it: the options that change it, and all that is checked before a run is made."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ftk.cli.options import PATH, TEXT, from_flags, load_plugins_for, plugin_options, tell_troubles

if TYPE_CHECKING:
    from ftk.backend import Backend
    from ftk.config.overrides import Override
    from ftk.config.resolved import Config

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
    def asked(self) -> "list[Override]":
        """What these change; flags come last and so win.

        :raises click.UsageError: where they contradict each other.
        """
        from ftk.config.overrides import parse_set
        from ftk.hooks.manager import NO_PROVIDER

        if "none" in self.loggers and set(self.loggers) != {"none"}:
            raise click.UsageError("--logger none is for no logger at all; name no other beside it")
        flags = {
            "--no-merge": ("ftk.stages.merge", NO_PROVIDER if self.no_merge else None),
            "--engine": ("ftk.engine", self.engine),
            "--gpu": ("ftk.resources.gpu", _gpus(self.gpu)),
            "--logger": ("ftk.loggers", [name for name in self.loggers if name != "none"] if self.loggers else None),
        }
        return [*map(parse_set, self.sets), *from_flags(flags)]

    def overrides(self, backend: str | None) -> "list[Override]":
        """Everything that changes a config: the environment, then these, then the flag for the backend."""
        from ftk.config.overrides import environment_overrides

        return [*environment_overrides(), *self.asked, *from_flags({"--backend": ("ftk.backend", backend)})]


def _gpus(text: str | None) -> Any:
    """What `--gpu` names: a list, written as in YAML, or one as it stands."""
    from ftk.config.overrides import read_value

    return read_value(text, "--gpu") if text and text.startswith("[") else text


def config_options(function: F) -> F:
    """What changes a config for one run; a command takes the values as `Changes`."""
    for option in reversed(
        [
            click.option("--data", type=PATH, help="Data file to use in place of the config's."),
            click.option(
                "--set", "sets", multiple=True, metavar="KEY=VALUE", help="Change a key of the config; may be repeated."
            ),
            click.option("--engine", type=TEXT, metavar="NAME", help="Who trains [FTK_ENGINE, else the config's]."),
            click.option(
                "--gpu", type=TEXT, metavar="NAME[:COUNT]", help="GPUs to hire, such as a100-80gb:2 [GPU_CONFIG]."
            ),
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
