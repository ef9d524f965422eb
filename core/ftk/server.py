"""A server that answers with models: a plugin describes it, a backend starts it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ftk.artifacts import Artifact, Model
from ftk.command import Command

HOST = "{host}"
PORT = "{port}"
"""Stand in a server's command for the address to listen on, which the backend knows."""

SERVERS = "servers"
"""The folder of a run in which its servers' output is kept."""


@dataclass(frozen=True)
class Served:
    """A model by the name that requests give.

    :param name: what they put into `model`.
    :param model: the model.
    """

    name: str
    model: Model


@dataclass(frozen=True)
class Endpoint:
    """A server that is not started yet: the backend starts and watches it.

    :param command: serves on `HOST` and `PORT`, which become an address in its arguments and variables, until it is
        asked to stop by SIGTERM.
    :param health_path: answers 200 to everybody as soon as the server is ready.
    :param key_variable: the environment variable in which the server looks for the key that requests must have; with
        none set, it answers everybody. None for a server that cannot ask for a key.
    :param key_arguments: what the command has behind its other arguments where requests must have a key, and only
        there; ftk puts them into it.
    :param models: filled in by ftk: the names of what is served.
    :param chats: filled in by ftk: whether they have a chat template, and so answer conversations.
    :param runs: filled in by ftk: the ids of the runs that it reads; the first is the one in whose folder it works.
    :param settings: filled in by ftk: the config's `ftk` block, with what was changed for this server alone.
    """

    command: Command
    health_path: str = "/health"
    key_variable: str | None = None
    key_arguments: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    chats: bool = False
    runs: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def guarded(self) -> "Endpoint":
        """The same server, for requests that must have a key."""
        command = replace(self.command, argv=(*self.command.argv, *self.key_arguments))
        return replace(self, command=command, key_arguments=())

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON values."""
        variables = {name: _to_json(value) for name, value in self.command.variables.items()}
        return {
            "argv": [_to_json(part) for part in self.command.argv],
            "environment": self.command.environment,
            "variables": variables,
            "health_path": self.health_path,
            "key_variable": self.key_variable,
            "key_arguments": list(self.key_arguments),
            "models": list(self.models),
            "chats": self.chats,
            "runs": list(self.runs),
            "settings": dict(self.settings),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Endpoint":
        """The endpoint whose `to_json()` is `values`; what its command needs of a machine matters only at its start."""
        variables = {name: _from_json(value) for name, value in values["variables"].items()}
        command = Command(tuple(map(_from_json, values["argv"])), values["environment"], variables=variables)
        return cls(
            command,
            values["health_path"],
            values["key_variable"],
            tuple(values["key_arguments"]),
            tuple(values["models"]),
            values["chats"],
            tuple(values["runs"]),
            values["settings"],
        )


@dataclass(frozen=True)
class Server:
    """A server that a backend has started.

    :param id: by which it is stopped.
    :param url: where it answers, such as `http://127.0.0.1:8000`, without a slash at the end.
    :param endpoint: what was started.
    :param has_key: whether requests need a key.
    :param log: the file of the first run that holds its output.
    :param since: when it was started, in seconds since 1970.
    """

    id: str
    url: str
    endpoint: Endpoint = field(repr=False)
    has_key: bool
    log: str
    since: float

    @property
    def environment(self) -> str:
        """The name of the environment that it runs in."""
        return self.endpoint.command.environment

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return {**vars(self), "endpoint": self.endpoint.to_json()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Server":
        """The server whose `to_json()` is `values`."""
        return cls(**{**values, "endpoint": Endpoint.from_json(values["endpoint"])})


def _to_json(part: str | Artifact) -> str | dict[str, str]:
    return {"artifact": str(part)} if isinstance(part, Artifact) else part


def _from_json(value: str | dict[str, str]) -> str | Artifact:
    return value if isinstance(value, str) else Artifact.parse(value["artifact"])
