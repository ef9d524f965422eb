"""Which app a command runs in."""

import json
import os
import sys
from collections.abc import Sequence

from ftk.plugin import DISABLE_VARIABLE, INHERIT, Environment, FtkError, Home, disabled_here
from ftk_modal.apps import Site
from ftk_modal.images import OWN_NAME, Recipe, given_recipe, lock_recipe, own_recipe
from ftk_modal.options import CACHE_VARIABLE, RUNS_VARIABLE, Names, Options
from ftk_modal.wheels import can_bring

OWN_VARIABLE = "FTK_MODAL_OWN"
"""Tells the driver what was deployed for it: apps and options."""

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
        self._others: dict[str, Environment] = {}
        """Environments of their own that were asked for, by name."""

    def find_problem(self, environment: Environment) -> str | None:
        """Why there is no image for an environment; None where there is. What it needs is remembered."""
        if not _is_own(environment):
            there = environment.python is not None or environment.accelerator in environment.locks
            self._others |= {environment.name: environment} if there else {}
            return None if there else f"the environment {environment.name} has no lock for {environment.accelerator}"
        wanted = frozenset(environment.modules) - {*EVERYWHERE, *sys.stdlib_module_names}
        if wanted and not can_bring(wanted):
            return f"no package that plugins need brings {', '.join(sorted(wanted))} to Modal's images"
        self.modules |= wanted
        return None

    def deploy(self, options: Options) -> Sequence[Site]:
        """Deploy what is missing of all that was asked for; the first is ftk's own app, where drivers work."""
        found = [self._own(options), *(self._other(environment, options) for environment in self._others.values())]
        for site in found:
            site.deploy()
        return found

    def _own(self, options: Options) -> Site:
        recipe = own_recipe(self.home, frozenset(self.modules), options.block["image"], options.disabled)
        return Site(recipe, options, self.names, is_own=True)

    def told(self, sites: Sequence[Site]) -> dict[str, str]:
        """The variables that tell a driver of what `deploy` gave."""
        options = sites[0].options
        apps = {site.recipe.name: [site.name, site.recipe.python] for site in sites}
        value = {"apps": apps, "block": options.block, "resources": options.resources}
        return {
            RUNS_VARIABLE: self.names.runs,
            CACHE_VARIABLE: self.names.cache,
            OWN_VARIABLE: json.dumps(value),
            DISABLE_VARIABLE: ",".join(disabled_here()),
        }

    def of(self, environment: Environment) -> Site:
        """The app for an environment; called in the driver's container.

        :raises FtkError: where the client did not know that it is needed.
        """
        said = json.loads(os.environ[OWN_VARIABLE])
        is_own = _is_own(environment)
        name = OWN_NAME if is_own else environment.name
        if name not in said["apps"]:
            message = f"the environment {name} was not brought to Modal, since no chosen stage declares it"
            raise FtkError(message, f"its plugin must: @stage(environment={name!r})")
        app, python = said["apps"][name]
        options = Options(said["block"], said["resources"])
        return Site(Recipe(name, (), python), options, self.names, is_own, deployed=app)

    def at_home(self, environment: Environment, options: Options) -> Site:
        """The same as a client sees it."""
        if not _is_own(environment):
            return self._other(environment, options)
        self.modules |= set(environment.modules)
        return self._own(options)

    def _other(self, environment: Environment, options: Options) -> Site:
        make = given_recipe if environment.python is not None else lock_recipe
        return Site(make(self.home, environment, options.block["image"]), options, self.names, is_own=False)


def _is_own(environment: Environment) -> bool:
    return environment.python == INHERIT or (environment.python is None and not environment.locks)
