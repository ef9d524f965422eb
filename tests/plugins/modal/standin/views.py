"""What a container sees of a volume: its own view, which commits and reloads make equal to the volume.

Models that what a container writes is seen by others after a commit alone, and what others write in the container
after a reload, which commits first; the last who commits a file wins. A commit looks at all files and then takes those
that had changed, one after another: what is written meanwhile may be in it for one file, and not for another. A view is
a folder with copies of the small files of the volume, and links to the large ones, to which therefore, unlike there,
nothing can be appended unseen.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

Version = tuple[int, int, int]

LARGE = 1 << 20  # bytes from which a file is not copied


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
                _put(self.folder / path, self._volume / path)
        self._base = mine

    def reload(self) -> None:
        """Commit, then take over what has changed in the volume."""
        self.commit()
        theirs = _versions(self._volume)
        for path in reversed(self._base):
            if path not in theirs:
                _remove(self.folder / path)
        for path in theirs:
            _put(self._volume / path, self.folder / path)
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


def _put(source: Path, target: Path) -> None:
    """Let the target be as the source is, whatever it was; nothing, if the source has vanished."""
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
            if source.is_symlink() or source.stat().st_size < LARGE:
                shutil.copy2(source, part, follow_symlinks=False)
            else:
                os.link(source, part)
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
    """Whether two files are one, or copies of each other."""
    try:
        first, second = one.lstat(), other.lstat()
    except FileNotFoundError:
        return False
    return os.path.samestat(first, second) or all(
        getattr(first, name) == getattr(second, name) for name in ("st_mode", "st_mtime_ns", "st_size")
    )
