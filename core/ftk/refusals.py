"""What a person is told when the system refuses a file or folder."""

from errno import EACCES, EDQUOT, EEXIST, EISDIR, ENAMETOOLONG, ENOENT, ENOSPC, ENOTDIR, ENOTEMPTY, EPERM, EROFS
from pathlib import Path

from ftk.errors import FtkError, UsageError

_ELSEWHERE = "or name other folders: --runs-dir or FTK_RUNS_DIR, FTK_CACHE_DIR, FTK_ENVIRONMENTS_DIR, TMPDIR"

REMEDIES = {
    **dict.fromkeys((ENOSPC, EDQUOT), f"free some space there, {_ELSEWHERE}"),
    **dict.fromkeys((EROFS, EACCES, EPERM), f"make it writable, {_ELSEWHERE}"),
    **dict.fromkeys((ENOTDIR, EEXIST), f"a file has the name of a folder: rename it, {_ELSEWHERE}"),
    EISDIR: f"a folder has the name of a file: rename it, {_ELSEWHERE}",
    ENAMETOOLONG: "use a shorter name",
    ENOTEMPTY: "something still writes there: end it, and do this again",
}
"""What to do about the refusals that are no bug, by their number."""


def refuse_file(folder: Path, remedy: str) -> None:
    """Stop where a folder cannot be, since a file has its name or that of one above it.

    :raises UsageError: naming the file.
    """
    standing = next(item for item in (folder, *folder.parents) if item.exists())
    if not standing.is_dir():
        raise UsageError(f"{standing} is a file, not a folder", remedy)


def refuse_standing(path: Path, remedy: str) -> None:
    """Stop where a file cannot be written, since what has its name is none that could be replaced.

    :raises UsageError: naming the folder or device, or the file that stands in place of a folder around it.
    """
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is {'a folder' if path.is_dir() else 'no plain file'}", remedy)
    refuse_file(path.parent, remedy)


def told(error: OSError) -> str:
    """The error in one line, with the place where it happened."""
    place = error.filename2 or error.filename
    return f"{place}: {error.strerror}" if place and error.strerror else str(error)


def remedy_for(error: OSError, default: str) -> str:
    """What to do about the error.

    :param default: what to do about one that is not known.
    """
    return REMEDIES.get(error.errno or 0, default)


def expected(error: OSError) -> FtkError | None:
    """The error with its remedy; None where it may be a bug."""
    if error.errno == ENOENT and error.filename is None:
        return FtkError("the current folder was removed meanwhile", "`cd` to another one")
    remedy = REMEDIES.get(error.errno or 0)
    return FtkError(told(error), remedy) if remedy else None
