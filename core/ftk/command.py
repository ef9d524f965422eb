"""A command: the only thing that crosses from ftk's light driver to an engine's interpreter."""

from dataclasses import dataclass, field

from ftk.artifacts import Artifact

PYTHON = "{python}"
"""Stands in a command's arguments for the interpreter of its environment."""


@dataclass(frozen=True)
class Environment:
    """An interpreter in which commands run. Today that is ftk's own.

    :param name: by which commands ask for it.
    :param modules: what must be importable there.
    :param remedy: what to type where one is missing.
    """

    name: str
    modules: tuple[str, ...] = ()
    remedy: str | None = None


@dataclass(frozen=True)
class Resources:
    """What a command needs.

    :param timeout: seconds after which it is stopped; None for no limit.
    """

    timeout: float | None = None


@dataclass(frozen=True)
class Command:
    """A process for a backend to run.

    :param argv: program and arguments; `PYTHON` and artifacts become paths where the command runs.
    :param environment: the name of the environment whose interpreter `PYTHON` is.
    :param resources: what it needs.
    :param variables: environment variables to set; never a secret, since they are recorded.
    """

    argv: tuple[str | Artifact, ...]
    environment: str
    resources: Resources = Resources()
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Endpoint:
    """A server that is not started yet: the backend starts and watches it.

    :param command: serves on the port until it is stopped.
    :param port: TCP port.
    :param health_path: answers 200 as soon as the server is ready, such as `/health`.
    :param model_name: what requests put into `model`.
    """

    command: Command
    port: int
    health_path: str
    model_name: str
