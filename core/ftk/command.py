"""A command: the only thing that crosses from ftk's light driver to an engine's interpreter."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ftk.accelerator import Kind
from ftk.artifacts import Artifact

PYTHON = "{python}"
"""Stands in a command's arguments for the interpreter of its environment."""


INHERIT = "inherit"
"""As the interpreter of an environment: ftk's own."""


@dataclass(frozen=True)
class Environment:
    """An interpreter in which commands run: ftk's own, or one that is made from a lock, or one that is there already.

    :param name: by which commands ask for it.
    :param modules: what must be importable there.
    :param remedy: what to type where one is missing.
    :param locks: files of the plugin, by accelerator, each with all packages of an environment of its own; see
        `ftk.environments.lock`. Without any, commands run in ftk's own interpreter.
    :param python: filled in by ftk: what the config chose in place of that, `INHERIT` or the path of an interpreter.
    :param accelerator: filled in by ftk: what the backend has.
    """

    name: str
    modules: tuple[str, ...] = ()
    remedy: str | None = None
    locks: Mapping[Kind, Path] = field(default_factory=dict)
    python: str | None = None
    accelerator: Kind = "cpu"


@dataclass(frozen=True)
class Resources:
    """What a command needs.

    :param timeout: seconds after which it is stopped; None for no limit.
    :param gpus: whether it computes on the GPUs that the config asks for; a backend that pays for them runs any other
        command on a CPU.
    """

    timeout: float | None = None
    gpus: bool = True


@dataclass(frozen=True)
class Command:
    """A process for a backend to run.

    :param argv: program and arguments; `PYTHON` and artifacts become paths where the command runs.
    :param environment: the name of the environment whose interpreter `PYTHON` is.
    :param resources: what it needs.
    :param variables: environment variables to set, with artifacts that become paths; never a secret, since they are
        recorded.
    """

    argv: tuple[str | Artifact, ...]
    environment: str
    resources: Resources = Resources()
    variables: Mapping[str, str | Artifact] = field(default_factory=dict)
