"""Which interpreter an environment means in a run: the config's choice, else a lock for the backend's accelerator."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ftk.command import INHERIT, Environment
from ftk.config.schema import Place, Schema
from ftk.environments.lock import folder_name, read_lock
from ftk.errors import PluginError, Problem

if TYPE_CHECKING:
    from ftk.backend import Backend
    from ftk.config.resolved import Config
    from ftk.hooks.manager import Manager

ENVIRONMENTS: Schema = {
    "type": "object",
    "default": {},
    "additionalProperties": {
        "type": ["string", "null"],
        "pattern": f"^({INHERIT}|[~/].*)$",
        "description": f"`{INHERIT}` for ftk's own interpreter, or the absolute path of another one",
    },
}
"""The key `ftk.environments`: interpreters by the name of an environment."""


def unknown_names(named: Any, manager: "Manager", place: Place) -> Iterator[Problem]:
    """What is wrong with the names of `ftk.environments`.

    :param named: the block; what is none is told elsewhere.
    """
    for name in named if isinstance(named, Mapping) else ():
        try:
            manager.environment(name)
        except PluginError as error:
            near = get_close_matches(name, manager.environments(), n=1)
            remedy = f"did you mean {near[0]!r}?" if near else "`ftk env list` shows those of the engines"
            yield Problem(place(("ftk", "environments", name)), error.message, remedy)


def choose(name: str, config: "Config", manager: "Manager", backend: "Backend") -> Environment:
    """The environment of this name, with what config and backend say of it.

    :raises PluginError: when no plugin describes it.
    """
    found = manager.environment(name)
    kind = backend.accelerator(config.ftk).kind if found.locks else found.accelerator
    return replace(found, python=config.ftk.get("environments", {}).get(name), accelerator=kind)


def identity(environment: Environment) -> str:
    """What commands ran in, for the record: the digest of a lock, the path of an interpreter, or `inherit`."""
    if environment.python is not None or not environment.locks:
        return environment.python or INHERIT
    return folder_name(environment, read_lock(environment.locks[environment.accelerator]))
