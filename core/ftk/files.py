"""Every write that ftk makes itself, each one atomic: after a kill a file or folder is whole, old or absent.

Events are the exception: they are appended by `ftk.reporter`, the only other module that writes.
"""

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, BinaryIO

from ftk.errors import FtkError

PARTIAL = ".partial"
"""Ending of what is being written; anything that carries it is rubbish as soon as its writer is gone."""

FICLONE = 0x40049409
"""The request of ioctl_ficlone(2) in Linux."""

CHUNK = 1 << 20
"""Bytes read at a time when files are copied or hashed."""


def make_folder(path: Path) -> Path:
    """Create `path` and its parents where they are missing, and return it.

    :raises PermissionError: also where the system says only that there is none, as it does of a new one in /proc.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileNotFoundError as error:
        raise PermissionError(errno.EPERM, "no folder can be made there", error.filename) from None
    return path


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Give the name under which a file is written that then takes the place of `path`; an error leaves nothing."""
    make_folder(path.parent)
    partial = path.with_name(path.name + PARTIAL)
    try:
        yield partial
        partial.replace(path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # a write that fails does not know where
        with suppress(OSError):
            partial.unlink()
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Replace the file at `path` by `content`, durably: it survives a power cut after this returns."""
    with _replacing(path) as partial, partial.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def write_text(path: Path, text: str) -> None:
    """Replace the file at `path` by `text` in UTF-8."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Replace the file at `path` by `value` as readable JSON."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """The JSON value in the file at `path`; None where there is no such file.

    :raises FtkError: when the file is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        raise damaged(path) from None


def read_json_lines(path: Path) -> list[Any]:
    """The values in a file of JSON lines; these end at line feeds alone, since texts may hold other ends of lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]


def sizes_below(folder: Path) -> dict[str, int]:
    """The files below a folder, by their paths in it, each with its bytes."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in found}


def has_sizes(folder: Path, sizes: Mapping[str, int]) -> bool:
    """Whether these files are there in their sizes, whatever else is."""
    paths = ((folder / name, size) for name, size in sizes.items())
    return all(path.is_file() and path.stat().st_size == size for path, size in paths)


def damaged(path: Path | str) -> FtkError:
    """What is told of a file of a run that cannot be read."""
    return FtkError(f"{path} is damaged", "restore it, or start a new run")


def copy_file(source: Path, target: Path) -> None:
    """Copy the file `source` to `target`, which is replaced as a whole."""
    with _replacing(target) as partial:
        if not _clone(source, partial):
            shutil.copyfile(source, partial)


def copy_folder(source: Path, target: Path) -> None:
    """Copy all files below the folder `source`, or that it leads to, to the same places below `target`."""
    for item in sorted(source.iterdir()):
        (copy_folder if item.is_dir() else copy_file)(item, target / item.name)


def _clone(source: Path, target: Path) -> bool:
    """Let `target` share the blocks of `source` until one of them changes, where the file system can do that."""
    with source.open("rb") as given, target.open("wb") as stream:
        try:
            fcntl.ioctl(stream, FICLONE, given.fileno())
        except OSError:
            return False
    return True


def refer(target: Path, source: Path) -> None:
    """Make `target` lead to `source`, for as long as that lies there."""
    make_folder(target.parent)
    target.symlink_to(source.resolve())


def write_stream(target: Path, source: IO[bytes]) -> None:
    """Replace the file at `target` by what is left in `source`, which may be larger than memory."""
    with _replacing(target) as partial, partial.open("wb") as stream:
        shutil.copyfileobj(source, stream, CHUNK)


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file that appears at `path` only when the block ends without an error, and durably.

    The block is given the stream to write to.
    """
    # Buffered, since only so is what the system took a part of (over 2 GiB, a full disk) written on or an error.
    with _replacing(path) as partial, partial.open("wb") as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())


def link_file(source: Path, target: Path) -> None:
    """Make `target` a second name of `source` on the same disk, or a copy where that cannot be."""
    make_folder(target.parent)
    try:
        os.link(source.resolve(), target)
    except OSError:
        copy_file(source, target)


def remove(path: Path) -> None:
    """Remove the file or folder at `path`, if there is one."""
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    while path.exists():
        with suppress(FileNotFoundError):  # somebody else removes it too
            shutil.rmtree(path)


def discard(path: Path) -> None:
    """Remove a folder, if there is one, that must never be seen half: it loses its name first, and is rubbish then."""
    hide(path)
    sweep(path)


def hide(path: Path) -> None:
    """Make a folder, if there is one, rubbish that `sweep` removes."""
    sweep(path)
    with suppress(FileNotFoundError):
        path.replace(path.with_name(path.name + PARTIAL))


def sweep(path: Path) -> None:
    """Remove what a killed writing or discarding of `path` left beside it."""
    remove(path.with_name(path.name + PARTIAL))


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Fill a folder that appears at `path` only when the block ends without an error.

    The block is given the folder to fill. What an earlier, killed attempt left is removed first; a finished folder
    at `path` is replaced.
    """
    partial = path.with_name(path.name + PARTIAL)
    remove(partial)
    make_folder(partial)
    try:
        yield partial
    except BaseException:
        with suppress(OSError):
            remove(partial)
        raise
    publish_folder(partial, path)


def publish_folder(partial: Path, path: Path) -> None:
    """Give the finished folder `partial` its name `path`, in place of an older one."""
    remove(path)
    partial.replace(path)


def open_lock(path: Path) -> int:
    """Open the lock file at `path`, for processes that are started too.

    The descriptor is never one of the standard streams, where these are closed: those of a child take their places.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path, shared: bool = False, when_busy: Callable[[], None] | None = None) -> Iterator[int]:
    """Hold the lock file at `path` while the block runs; wait for whoever holds it now.

    The block is given the open lock: a process that inherits it holds it too.

    :param shared: several may hold it so at once, but nobody alone meanwhile.
    :param when_busy: called once before waiting; what it raises ends the wait.
    """
    make_folder(path.parent)
    descriptor = open_lock(path)
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if when_busy:
                when_busy()
            fcntl.flock(descriptor, kind)
        yield descriptor
    finally:
        os.close(descriptor)


def sha256(path: Path) -> str:
    """The SHA-256 of a file's content, or of a folder's relative names and contents, as hexadecimal digits."""
    if path.is_dir():
        names = sorted(item for item in path.rglob("*") if item.is_file())
        return sha256_of({item.relative_to(path).as_posix(): sha256(item) for item in names})
    with path.open("rb") as stream:
        return _sha256_stream(stream)


def _sha256_stream(stream: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := stream.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def sha256_of(value: Any) -> str:
    """The SHA-256 of a JSON value, independent of the order of its keys, as hexadecimal digits."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
