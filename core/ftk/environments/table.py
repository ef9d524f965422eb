"""What there is of environments on this machine, and what plugins want of them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ftk import files
from ftk.command import Environment
from ftk.environments.build import log_of, made
from ftk.environments.place import Environments, lock_of
from ftk.errors import UsageError

if TYPE_CHECKING:
    from ftk.accelerator import Kind
    from ftk.hooks.manager import Manager

State = Literal["built", "unused", "unfinished", "not built"]
"""`unused`: of a lock that no plugin has any more; `unfinished`: being built, or left by a build that was killed."""


@dataclass(frozen=True)
class Row:
    """An environment of a plugin, or a folder of one.

    :param name: of the environment.
    :param accelerator: for which it is.
    :param digest: of its lock.
    :param size: megabytes: those that it takes, or, before it is built, will take.
    :param plugins: whose stages use it.
    :param folder: where it lies, built or not.
    """

    name: str
    accelerator: str
    digest: str
    state: State
    size: int | None
    plugins: tuple[str, ...]
    folder: str


def find(name: str, manager: "Manager", kind: "Kind") -> Environment:
    """The environment of this name, on this accelerator.

    :raises UsageError: when no plugin describes it, or it needs no building.
    """
    known = _locked(manager)
    if name not in known:
        remedy = f"those that there are: {', '.join(known) or 'none'}"
        raise UsageError(f"no plugin has a lock for an environment {name!r}", remedy)
    return replace(known[name], accelerator=kind)


def rows(root: Path, manager: "Manager", kind: "Kind") -> Iterator[Row]:
    """All environments: first those of plugins, then what else lies on the disk.

    :param root: the folder of environments.
    :param kind: this machine's accelerator.
    """
    place_of = Environments(root).place
    users = manager.environments()
    seen: set[Path] = set()
    for name, environment in _locked(manager).items():
        if kind not in environment.locks:
            continue
        place = place_of(replace(environment, accelerator=kind))
        assert place is not None  # it has a lock
        seen.add(place.folder)
        yield _row(place.folder, tuple(users[name]), place.lock.size)
    for folder in _folders(root):
        if folder not in seen:
            yield _row(folder, (), None)


def remove(root: Path, name: str) -> list[str]:
    """Remove environments from the disk.

    :param name: of an environment, or of one of its folders.
    :returns: the folders that are gone.
    :raises UsageError: when there is none, or one is used at this moment; then none is removed before it.
    """
    found = [folder for folder in _folders(root) if name in (folder.name, _parts(folder)[0])]
    if not found:
        raise UsageError(f"there is no environment {name!r} in {root}", "`ftk env list` shows those that there are")
    for folder in found:

        def refuse(folder: Path = folder) -> None:
            raise UsageError(f"{folder.name} is in use", "wait for the run or the build that uses it")

        with files.locked(lock_of(folder), when_busy=refuse):
            files.remove(folder)
            files.remove(log_of(folder))
    return [folder.name for folder in found]


def _locked(manager: "Manager") -> dict[str, Environment]:
    """The environments with locks that stages use, by name."""
    found = {name: manager.environment(name) for name in manager.environments()}
    return {name: environment for name, environment in found.items() if environment.locks}


def _folders(root: Path) -> list[Path]:
    return sorted(item for item in root.iterdir() if item.is_dir()) if root.is_dir() else []


def _parts(folder: Path) -> tuple[str, str, str]:
    """Name, accelerator and digest, which make the folder's name."""
    name, accelerator, digest = (["", "", *folder.name.rsplit("-", 2)])[-3:]
    return name, accelerator, digest


def _row(folder: Path, plugins: tuple[str, ...], wanted: int | None) -> Row:
    marker = made(folder)
    size = marker["size"] if marker else wanted
    state: State = "unfinished" if folder.exists() else "not built"
    if marker:
        state = "built" if plugins else "unused"
    return Row(*_parts(folder), state, size, plugins, str(folder))
