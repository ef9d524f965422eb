"""Which app a command runs in."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from ftk.plugin import INHERIT, Environment, Home
from ftk_modal.apps import Site
from ftk_modal.images import Recipe, given_recipe, lock_recipe, own_recipe
from ftk_modal.options import CACHE_VARIABLE, RUNS_VARIABLE, Names, Options
from ftk_modal.wheels import plugin_wheels

OWN_VARIABLE = "FTK_MODAL_OWN"
"""Tells the driver what was deployed for it: app and options."""

EVERYWHERE = ("pip",)
"""Modules that every image has."""


class Sites:
    """The apps for the runs of a backend.

    :param home: the cache is the place of wheels.
    :param names: the volumes.
    """

    def __init__(self, home: Home, names: Names) -> None:
        self.home = home
        self.names = names
        self.modules: set[str] = set()
        """What ftk's own interpreter was asked for, and so its image must have."""

    def find_problem(self, environment: Environment) -> str | None:
        """Why there is no image for an environment; None where there is. What it needs is remembered."""
        if not _is_own(environment):
            there = environment.python is not None or environment.accelerator in environment.locks
            return None if there else f"the environment {environment.name} has no lock for {environment.accelerator}"
        wanted = frozenset(environment.modules) - {*EVERYWHERE, *sys.stdlib_module_names}
        if wanted and not any(wheel.brings_any(wanted) for wheel in plugin_wheels()):
            return f"no package that plugins need brings {', '.join(sorted(wanted))} to Modal's images"
        self.modules |= wanted
        return None

    def own(self, options: Options) -> Site:
        """ftk's own app, where drivers work."""
        recipe = own_recipe(self.home, frozenset(self.modules), options.block["image"])
        return Site(recipe, options, self.names, is_own=True)

    def told(self, own: Site) -> dict[str, str]:
        """The variables that tell a driver where it is."""
        value = {"app": own.name, "block": own.options.block, "resources": own.options.resources}
        return {
            RUNS_VARIABLE: self.names.runs,
            CACHE_VARIABLE: self.names.cache,
            OWN_VARIABLE: json.dumps(value),
        }

    def of(self, environment: Environment) -> Site:
        """The app for an environment; called in the driver's container."""
        said = json.loads(os.environ[OWN_VARIABLE])
        options = Options(said["block"], said["resources"])
        if _is_own(environment):
            return Site(Recipe("ftk", (), "python"), options, self.names, is_own=True, deployed=said["app"])
        return self._other(environment, options)

    def at_home(self, environment: Environment, settings: Mapping[str, Any]) -> Site:
        """The same as a client sees it.

        :param settings: the config's `ftk` block.
        """
        if not _is_own(environment):
            return self._other(environment, Options.of(settings))
        self.modules |= set(environment.modules)
        return self.own(Options.of(settings))

    def _other(self, environment: Environment, options: Options) -> Site:
        make = given_recipe if environment.python is not None else lock_recipe
        return Site(make(self.home, environment, options.block["image"]), options, self.names, is_own=False)

    def realise(self, environment: Environment, tell: Callable[..., None]) -> None:
        """Deploy the app of an environment where it is missing."""
        if _is_own(environment):
            return
        site = self.of(environment)
        site.function("execute", lambda: tell("environment", name=environment.name, message="its image is made"))


def _is_own(environment: Environment) -> bool:
    return environment.python == INHERIT or (environment.python is None and not environment.locks)
