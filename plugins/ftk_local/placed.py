"""What stands in commands for paths and interpreters, on this machine."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ftk.plugin import PYTHON, Artifact, Interpreter, foreign_variables

NOT_FOR_ENGINES = "PYTHONOPTIMIZE"
"""A variable of the shell that takes docstrings and assertions away: engines' libraries read their own docstrings."""


@dataclass(frozen=True)
class Placed:
    """Where a command runs.

    :param folder: the run's folder.
    :param cache: the cache's folder.
    :param interpreter: the one of the command's environment.
    """

    folder: Path
    cache: Path
    interpreter: Interpreter

    def text(self, part: str | Artifact) -> str:
        """A part of a command as it is here."""
        if part == PYTHON:
            return str(self.interpreter.python)
        if isinstance(part, Artifact):
            roots = {"run": self.folder, "runs": self.folder.parent, "cache": self.cache}
            return str(roots[part.root] / part.path)
        return part

    def variables(self, own: Mapping[str, str | Artifact]) -> dict[str, str]:
        """All environment variables for a command, with its own ones."""
        python = self.interpreter.python
        given = dict(os.environ) if self.interpreter.is_own else foreign_variables(python, os.environ)
        given.pop(NOT_FOR_ENGINES, None)
        return {**given, **{name: self.text(value) for name, value in own.items()}}
