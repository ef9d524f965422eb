"""The environments of a machine: found, built once, used by many at a time, removed when nobody uses them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ftk import files
from ftk.command import INHERIT, Environment
from ftk.environments.build import Builder, Tell, made
from ftk.environments.interpreter import missing_modules
from ftk.environments.lock import Lock, folder_name, read_lock
from ftk.errors import FtkError, UsageError


@dataclass(frozen=True)
class Place:
    """Where the environment of a lock lies.

    :param folder: its folder, whose name has the environment's, the accelerator and the lock's digest.
    :param lock: what belongs into it.
    """

    folder: Path
    lock: Lock

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"


@dataclass(frozen=True)
class Interpreter:
    """An interpreter for a command.

    :param python: its path.
    :param lock: an open file that keeps it from being removed; a process that inherits it does so too.
    """

    python: Path
    lock: int | None = None

    @property
    def is_own(self) -> bool:
        """Whether it is ftk's own."""
        return self.python == Path(sys.executable)


class Environments:
    """The environments of this machine.

    :param root: holds one folder each.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def place(self, environment: Environment) -> Place | None:
        """Where the environment lies, built or not; None where it is an interpreter that is there already.

        :raises UsageError: where there is no lock for the accelerator.
        """
        if environment.python is not None or not environment.locks:
            return None
        kind = environment.accelerator
        if kind not in environment.locks:
            raise UsageError(f"the environment {environment.name} has no lock for {kind}", environment.remedy)
        lock = read_lock(environment.locks[kind])
        return Place(self.root / folder_name(environment, lock), lock)

    def interpreter(self, environment: Environment) -> Path:
        """The interpreter of an environment, built or not."""
        place = self.place(environment)
        if place:
            return place.python
        named = environment.python
        return Path(sys.executable) if named in (None, INHERIT) else Path(str(named)).expanduser()

    def find_problem(self, environment: Environment) -> str | None:
        """Why commands cannot run in an environment; None where they can, or can after it was built."""
        try:
            if self.place(environment):
                return None
            python = self.interpreter(environment)
            own = python == Path(sys.executable)
            missing = _missing_here(environment) if own else missing_modules(python, environment.modules)
        except UsageError as error:
            return error.message
        except OSError as error:
            return f"the interpreter of the environment {environment.name} does not work: {error}"
        return f"{', '.join(missing)} cannot be imported by {python}" if missing else None

    def realise(self, environment: Environment, tell: Tell) -> None:
        """Build an environment where it is missing; of several who want the same one, one builds and the others wait.

        :param tell: is told what goes on.
        :raises FtkError: with advice, when it cannot be built.
        """
        place = self.place(environment)
        if place is None or made(place.folder):
            return

        def waits() -> None:
            tell("environment", name=environment.name, message="another build of it is waited for")

        builder = Builder(environment.name, place.folder, place.lock, environment.modules, tell)
        with files.locked(lock_of(place.folder), when_busy=waits) as descriptor:
            if not made(place.folder):
                builder.build(descriptor)

    @contextmanager
    def in_use(self, environment: Environment) -> Iterator[Interpreter]:
        """The interpreter of an environment, which is not removed while the block runs."""
        place = self.place(environment)
        if place is None:
            yield Interpreter(self.interpreter(environment))
            return
        with files.locked(lock_of(place.folder), shared=True) as descriptor:
            if not made(place.folder):
                raise FtkError(f"the environment {environment.name} was removed", "start again: it is built anew")
            yield Interpreter(place.python, descriptor)


def lock_of(folder: Path) -> Path:
    """The lock file of an environment: held alone by who builds or removes it, shared by who uses it."""
    return folder.with_name(f"{folder.name}.lock")


def _missing_here(environment: Environment) -> list[str]:
    return [name for name in environment.modules if find_spec(name) is None]
