"""What a container sees of a volume: its own view, which commits and reloads make equal to the volume.

Models that files which a container makes, replaces or removes are seen by others after a commit alone, and those of
others in the container after a reload, which commits first; the last who commits a file wins. A view is a folder with
links to the files of the volume, so that it costs no copies; therefore, unlike there, what is written *into* a file
that the volume has already is seen by all at once.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

Version = tuple[int, int, int]


class View:
    """A view.

    :param volume: the folder of the volume, or of a part of it.
    :param folder: the folder that the container has in its place.
    """

    def __init__(self, volume: Path, folder: Path) -> None:
        self._volume, self.folder = volume, folder
        folder.mkdir(parents=True)
        self._base: dict[str, Version] = {}
        self.reload()

    def commit(self) -> None:
        """Bring what has changed here into the volume."""
        mine = _versions(self.folder)
        for path in reversed(self._base):
            if path not in mine:
                _remove(self._volume / path)
        for path, version in mine.items():
            if self._base.get(path) != version:
                _link(self.folder / path, self._volume / path)
        self._base = mine

    def reload(self) -> None:
        """Commit, then take over what has changed in the volume."""
        self.commit()
        theirs = _versions(self._volume)
        for path in reversed(self._base):
            if path not in theirs:
                _remove(self.folder / path)
        for path in theirs:
            _link(self._volume / path, self.folder / path)
        self._base = _versions(self.folder)


def _versions(folder: Path) -> dict[str, Version]:
    """What there is below a folder, each folder before what it holds, with something that tells versions apart."""
    return {os.path.relpath(path, folder): version for path, version in _walk(folder)}


def _walk(folder: Path) -> Iterator[tuple[str, Version]]:
    """Paths and versions; what vanishes meanwhile is left out."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield entry.path, (0, 0, 0)
                yield from _walk(Path(entry))
            else:
                with suppress(FileNotFoundError):
                    about = entry.stat(follow_symlinks=False)
                    yield entry.path, (about.st_ino, about.st_mtime_ns, about.st_size)


def _link(source: Path, target: Path) -> None:
    """Let the target be the same as the source, whatever it was; nothing, if the source has vanished."""
    if _is_folder(source):
        if not _is_folder(target):
            target.unlink(missing_ok=True)
            target.mkdir(source.stat().st_mode & 0o7777, parents=True)
    elif not _same(source, target):
        if _is_folder(target):
            shutil.rmtree(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        with suppress(FileNotFoundError):
            os.link(source, part, follow_symlinks=False)
            part.rename(target)


def _remove(path: Path) -> None:
    """Remove a file, or a folder in which nobody else has something."""
    if not _is_folder(path):
        path.unlink(missing_ok=True)
    else:
        with suppress(OSError):
            path.rmdir()


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _same(one: Path, other: Path) -> bool:
    try:
        return os.path.samestat(one.lstat(), other.lstat())
    except FileNotFoundError:
        return False
