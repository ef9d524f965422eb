"""Build an environment in its place: a marker, written last, tells a whole one from what a kill left."""

import os
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ftk import files
from ftk.environments.fitting import fitting, versions_in
from ftk.environments.installers import chosen_installer
from ftk.environments.installing import InstallerFailed, NoSuchPackage, run
from ftk.environments.interpreter import missing_modules
from ftk.environments.lock import Lock, Step
from ftk.errors import FtkError, PluginError

MARKER = "environment.json"
"""Written last into the folder of an environment; its paths are absolute, so that it is built where it stays."""

MB = 1_000_000

Tell = Callable[..., None]
"""Reports an event: kind and fields, as `Reporter.emit` takes them."""


class Builder:
    """Builds one environment.

    :param name: its name.
    :param folder: where it is built.
    :param lock: what is installed.
    :param modules: what must be importable at the end.
    :param tell: is told what goes on.
    :raises UsageError: when the person chose an installer that is not there.
    """

    def __init__(self, name: str, folder: Path, lock: Lock, modules: tuple[str, ...], tell: Tell) -> None:
        self.name = name
        self.folder = folder
        self.lock = lock
        self.modules = modules
        self.tell = tell
        self.installer = chosen_installer()
        self.python = folder / "bin" / "python"
        self.log = log_of(folder)

    def build(self, descriptor: int) -> None:
        """Install all steps; the environment is there whole, or not at all.

        :param descriptor: the open lock that keeps others from it, which pip holds too.
        :raises FtkError: with advice, when a step fails.
        """
        start = time.monotonic()
        files.remove(self.folder)
        self._refuse_full_disk()
        making = self.installer.make(self.lock.python, self.folder)
        files.write_text(self.log, "")
        self._tell(f"is built, {self.lock.size} MB in {self.folder}")
        try:
            self._make(making, descriptor)
            self._refuse_missing()
        except BaseException:
            with suppress(OSError):
                files.remove(self.folder)
            raise
        seconds = time.monotonic() - start
        size = size_of(self.folder)
        made = {"name": self.name, "digest": self.lock.digest, "python": self.lock.python, "size": size}
        files.write_json(self.folder / MARKER, {**made, "seconds": round(seconds, 1)})
        self._tell(f"is there, {size} MB after {seconds:.0f} s")

    def _refuse_full_disk(self) -> None:
        free = shutil.disk_usage(files.make_folder(self.folder.parent)).free // MB
        if free < self.lock.size:
            place = self.folder.parent
            raise FtkError(
                f"the environment {self.name} takes {self.lock.size} MB, and {free} MB are free in {place}",
                "free some space (`ftk env list`, `ftk env rm`), or name another folder by FTK_ENVIRONMENTS_DIR",
            )

    def _make(self, making: Sequence[str], descriptor: int) -> None:
        self._run("the venv", 0, making, descriptor)
        for number, step in enumerate(self.lock.steps, 1):
            self._install(number, step, descriptor)

    def _install(self, number: int, step: Step, descriptor: int) -> None:
        lines = self._fitting(step)
        if lines is None:
            self._goes_without(step, "this PyTorch is without CUDA")
            return
        requirements = self.folder / f"step-{number}.txt"
        files.write_text(requirements, "".join(f"{line}\n" for line in lines))
        what = f"step {number} of {len(self.lock.steps)}: {step}"
        self._tell(what)
        try:
            self._run(what, number, self.installer.install(self.python, step, requirements), descriptor)
        except NoSuchPackage:
            if not step.optional:
                raise
            self._goes_without(step, f"no index has {', '.join(line for line in lines if line[0] != '-')}")

    def _fitting(self, step: Step) -> list[str] | None:
        """The requirements of a step, for the PyTorch that is there by now; None where it fits none of them."""
        if not step.optional:
            return list(step.requirements)
        versions = versions_in(self.python)
        found = [fitting(line, *versions) for line in step.requirements]
        return [line for line in found if line] if None not in found else None

    def _goes_without(self, step: Step, reason: str) -> None:
        self._tell(f"goes without {step.packages}: {reason}")

    def _run(self, what: str, number: int, argv: Sequence[str], descriptor: int) -> None:
        def tell(line: str) -> None:
            self.tell("installing", name=self.name, step=number, of=len(self.lock.steps), message=line)

        try:
            run(argv, self.python, self.log, descriptor, tell)
        except InstallerFailed as error:
            raise type(error)(f"the environment {self.name} failed ({what}): {error.message}", error.remedy) from None

    def _tell(self, message: str) -> None:
        self.tell("environment", name=self.name, message=message)

    def _refuse_missing(self) -> None:
        missing = missing_modules(self.python, self.modules)
        if missing:
            message = f"the lock of the environment {self.name} does not bring {', '.join(missing)}"
            raise PluginError(message, f"a bug of its plugin; all of pip's output: {self.log}")


def log_of(folder: Path) -> Path:
    """Where the output of a build goes, beside its folder, so that it stays when the build fails."""
    return folder.with_name(f"{folder.name}.log")


def made(folder: Path) -> dict[str, Any] | None:
    """What the marker of a whole environment says; None where there is none, or its Python is gone."""
    found: dict[str, Any] | None = files.read_json(folder / MARKER)
    return found if (folder / "bin" / "python").exists() else None


def size_of(folder: Path) -> int:
    """Megabytes that a folder takes."""
    sizes = (entry.stat().st_size for entry in _entries(folder))
    return sum(sizes) // MB


def _entries(folder: Path) -> "list[os.DirEntry[str]]":
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                found += _entries(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                found.append(entry)
    return found
