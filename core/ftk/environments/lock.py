"""A lock: the exact packages of an environment, in the steps in which pip installs them.

A lock is a text file. Its head says for which Python it was resolved and how much it takes on the disk, in megabytes;
then comes a section for each step, whose header is the call of pip and whose body is a requirements file of pip's:

    python: 3.11
    size: 4400

    [pip install --no-deps]
    torch==2.13.0

    [pip uninstall]
    torchvision

    [optional pip install --no-deps]
    flash-attn==2.8.3+cu{cuda}torch{torch}

Where an index has no such package, an optional step is passed over, and the person is told. `{torch}` and `{cuda}` are
the versions that the steps before have brought; see `ftk.environments.fitting`. Comments begin with `#`.
"""

import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ftk import files
from ftk.command import Environment
from ftk.errors import PluginError


@dataclass(frozen=True)
class Step:
    """A call of pip.

    :param action: `install` or `uninstall`.
    :param options: of that call, such as `--no-deps`.
    :param requirements: lines of a requirements file.
    :param optional: whether the environment is whole without it.
    """

    action: str
    options: tuple[str, ...]
    requirements: tuple[str, ...]
    optional: bool = False

    @property
    def packages(self) -> str:
        """What it is about, for a person."""
        packages = [line for line in self.requirements if not line.startswith("-")]
        return ", ".join(packages) if len(packages) < 4 else f"{len(packages)} packages"

    def __str__(self) -> str:
        return f"{self.action} {self.packages}"


@dataclass(frozen=True)
class Lock:
    """What a lock file says.

    :param python: the version for which it was resolved, such as `3.11`.
    :param size: megabytes that the environment takes.
    :param steps: in their order.
    """

    python: str
    size: int
    steps: tuple[Step, ...]

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change with whatever is installed."""
        steps = [asdict(step) for step in self.steps]
        return files.sha256_of({"python": self.python, "steps": steps})[:12]


def folder_name(environment: Environment, lock: Lock) -> str:
    """What the folder of an environment is called, and the environment in records.

    :param lock: its lock for its accelerator.
    """
    return f"{environment.name}-{environment.accelerator}-{lock.digest}"


def read_lock(path: Path) -> Lock:
    """The lock in the file at `path`.

    :raises PluginError: when it is no lock, naming the line.
    """
    head: dict[str, str] = {}
    steps: list[Step] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = f" {line}".partition(" #")[0].strip()
        if line.startswith("["):
            steps.append(_step(line, f"{path}:{number}"))
        elif steps and line:
            steps[-1] = replace(steps[-1], requirements=(*steps[-1].requirements, line))
        elif line:
            key, _, value = line.partition(":")
            head[key.strip()] = value.strip()
    if not steps or set(head) != {"python", "size"} or not head["size"].isdecimal():
        raise PluginError(f"{path}: a lock begins with `python:` and `size:` (in MB), and has a step at least")
    return Lock(head["python"], int(head["size"]), tuple(steps))


def _step(header: str, place: str) -> Step:
    match = re.fullmatch(r"\[(optional )?pip (install|uninstall)((?: --\S+)*)\]", header)
    if match is None:
        raise PluginError(f"{place}: a step is `[pip install ...]`, `[optional pip install ...]` or `[pip uninstall]`")
    return Step(match[2], tuple(match[3].split()), (), optional=bool(match[1]))
