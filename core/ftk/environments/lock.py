"""A lock: the exact packages of an environment, in the steps in which pip installs them.

A lock is a text file. Its head says for which Python it was resolved and how much it takes on the disk, in megabytes;
then comes a section for each step, whose header is the call of pip and whose body is a requirements file of pip's:

    python: 3.11
    size: 4400

    [pip install --no-deps]
    torch==2.13.0

    [pip uninstall]
    torchvision

Comments begin with `#`.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path

from ftk import files
from ftk.errors import PluginError

ACTIONS = ("install", "uninstall")


@dataclass(frozen=True)
class Step:
    """A call of pip.

    :param action: `install` or `uninstall`.
    :param options: of that call, such as `--no-deps`.
    :param requirements: lines of a requirements file.
    """

    action: str
    options: tuple[str, ...]
    requirements: tuple[str, ...]

    def __str__(self) -> str:
        packages = [line for line in self.requirements if not line.startswith("-")]
        what = ", ".join(packages) if len(packages) < 4 else f"{len(packages)} packages"
        return f"{self.action} {what}"


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
        steps = [[step.action, step.options, step.requirements] for step in self.steps]
        return files.sha256_of({"python": self.python, "steps": steps})[:12]


def read_lock(path: Path) -> Lock:
    """The lock in the file at `path`.

    :raises PluginError: when it is no lock, naming the line.
    """
    head: dict[str, str] = {}
    steps: list[tuple[list[str], list[str]]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = line.partition("#")[0].strip() if line.lstrip().startswith("#") else line.partition(" #")[0].strip()
        if line.startswith("[") and line.endswith("]"):
            words = shlex.split(line[1:-1])
            if words[:1] != ["pip"] or words[1:2] not in [[action] for action in ACTIONS]:
                raise PluginError(f"{path}:{number}: a step is `[pip install ...]` or `[pip uninstall]`")
            steps.append((words[1:], []))
        elif steps and line:
            steps[-1][1].append(line)
        elif line:
            key, _, value = line.partition(":")
            head[key.strip()] = value.strip()
    if not steps or set(head) != {"python", "size"} or not head["size"].isdecimal():
        raise PluginError(f"{path}: a lock begins with `python:` and `size:` (in MB), and has a step at least")
    built = tuple(Step(words[0], tuple(words[1:]), tuple(lines)) for words, lines in steps)
    return Lock(head["python"], int(head["size"]), built)
