"""Who makes a venv and installs into it: pip, which comes with Python, or uv, where the person chose it."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ftk.environments.interpreter import find_python
from ftk.environments.lock import Step
from ftk.errors import FtkError, UsageError

VARIABLE = "FTK_INSTALLER"
"""`pip` or `uv`."""


class Installer(Protocol):
    """Commands that build an environment."""

    def make(self, version: str, folder: Path) -> Sequence[str]:
        """Make a venv of this version of Python in a new folder.

        :raises FtkError: when there is no such Python.
        """
        ...

    def install(self, python: Path, step: Step, requirements: Path) -> Sequence[str]:
        """Do a step.

        :param python: the venv's interpreter.
        :param requirements: the file with the step's requirements.
        """
        ...


class Pip:
    """The venv's own pip."""

    def make(self, version: str, folder: Path) -> Sequence[str]:
        """With the module `venv`."""
        python = find_python(version)
        if python is None:
            remedy = f"install it, or choose uv, which fetches it: {VARIABLE}=uv"
            raise FtkError(f"Python {version} is needed, and is not on PATH", remedy)
        return (str(python), "-m", "venv", str(folder))

    def install(self, python: Path, step: Step, requirements: Path) -> Sequence[str]:
        """With `python -m pip`."""
        plain = ("--progress-bar=off",) if step.action == "install" else ("--yes",)
        program = (str(python), "-m", "pip", step.action, "--disable-pip-version-check")
        return (*program, *plain, *step.options, "-r", str(requirements))


class Uv:
    """uv, from PATH.

    :param program: its path.
    """

    def __init__(self, program: str) -> None:
        self.program = program

    def make(self, version: str, folder: Path) -> Sequence[str]:
        """With `uv venv`, which fetches a Python that is not there."""
        return (self.program, "venv", "--python", version, str(folder))

    def install(self, python: Path, step: Step, requirements: Path) -> Sequence[str]:
        """With `uv pip`."""
        return (self.program, "pip", step.action, "--python", str(python), *step.options, "-r", str(requirements))


def chosen_installer() -> Installer:
    """The one that the person chose.

    :raises UsageError: when there is no such one.
    """
    chosen = os.environ.get(VARIABLE) or "pip"
    if chosen == "pip":
        return Pip()
    if chosen != "uv":
        raise UsageError(f"{VARIABLE} is {chosen!r}", "write `pip` or `uv`")
    program = shutil.which("uv")
    if program is None:
        raise UsageError("uv is not on PATH", f"install it, or unset {VARIABLE}")
    return Uv(program)
