"""Which interpreter an environment means in a run: the config's choice, else a lock for the backend's accelerator."""

from dataclasses import replace
from typing import TYPE_CHECKING

from ftk.command import INHERIT, Environment
from ftk.schema import Schema

if TYPE_CHECKING:
    from ftk.backend import Backend
    from ftk.config import Config
    from ftk.manager import Manager

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


def choose(name: str, config: "Config", manager: "Manager", backend: "Backend") -> Environment:
    """The environment of this name, with what config and backend say of it.

    :raises PluginError: when no plugin describes it.
    """
    found = manager.environment(name)
    kind = backend.accelerator(config.ftk).kind if found.locks else found.accelerator
    return replace(found, python=config.ftk.get("environments", {}).get(name), accelerator=kind)
