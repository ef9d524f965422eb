"""Foreign interpreters: look at one without importing anything, and keep ftk's own packages out of it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

LEFT_OUT = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
"""Variables by which packages of one interpreter get into another."""

FIND = "import sys, importlib.util as u; print(*[name for name in sys.argv[1:] if u.find_spec(name) is None])"
PATIENCE = 60.0
"""Seconds in which an interpreter answers: its disk may be far away."""

VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


def foreign_variables(python: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """The environment variables for another interpreter: as if its environment was activated, and ours was not.

    :param python: the interpreter.
    :param variables: those of this process.
    """
    own = str(Path(sys.executable).parent)
    folders = [folder for folder in variables.get("PATH", "").split(os.pathsep) if folder != own]
    kept = {name: value for name, value in variables.items() if name not in LEFT_OUT}
    return {**kept, "PATH": os.pathsep.join([str(python.parent), *folders]), "PYTHONNOUSERSITE": "1"}


def missing_modules(python: Path, modules: Sequence[str]) -> list[str]:
    """Those of these top-level modules that an interpreter does not find.

    :raises OSError: where it is no Python interpreter, or does not answer.
    """
    return ask(python, FIND, *modules).split()


def find_python(version: str) -> Path | None:
    """An interpreter of this version: ftk's own, else one on PATH.

    :param version: such as `3.11`.
    """
    named = shutil.which(f"python{version}")
    for python in (Path(sys.executable), *([Path(named)] if named else [])):
        try:
            if ask(python, VERSION).strip() == version:
                return python
        except OSError:
            continue
    return None


def ask(python: Path, program: str, *arguments: str) -> str:
    """What a program prints, run by an interpreter.

    :raises OSError: where it is no Python interpreter, or does not answer.
    """
    argv, variables = [str(python), "-I", "-c", program, *arguments], foreign_variables(python, os.environ)
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=variables, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"{python} has not answered in {PATIENCE:g} s") from None
    if done.returncode:
        *_, last = "it says nothing", *done.stderr.strip().splitlines()
        raise OSError(f"{python} is no Python interpreter: {last}")
    return done.stdout
