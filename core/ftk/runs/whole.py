"""Which files of a run must be there: written down when a stage has them, and looked for before they are needed."""

from collections.abc import Mapping
from pathlib import Path

FOR_PEOPLE = (".md", ".log")
"""Endings of files that nothing reads: a person may do with them what they want."""

TEXT = (".json", ".jinja", ".txt")
"""Endings of files that a person may edit, and so make shorter."""

CHECKPOINT = "checkpoint"
"""How the names of checkpoints begin, which may be removed at any time."""


def least_sizes(run: Path, folder: str) -> dict[str, int]:
    """The files in a folder of the run itself, by their paths in the run, and how many bytes each has at least.

    :param run: the run's folder.
    """
    return {f"{folder}/{item.name}": _least(item) for item in sorted((run / folder).iterdir()) if _counts(item)}


def first_damaged(run: Path, sizes: Mapping[str, int], folder: str) -> Path | None:
    """The first of these files that is missing, or cut short; None where all are whole.

    :param run: the run's folder.
    :param sizes: from `least_sizes`.
    :param folder: look at those in this folder of the run alone.
    """
    inside = ((run / path, size) for path, size in sizes.items() if path.rpartition("/")[0] == folder)
    return next((path for path, size in inside if not _is_whole(path, size)), None)


def told_of(damaged: Path) -> str:
    """What a person is told of a damaged file or folder."""
    return f"{damaged} is cut short" if damaged.exists() else f"{damaged} is gone"


def _counts(item: Path) -> bool:
    return item.is_file() and item.suffix not in FOR_PEOPLE and not item.name.startswith((CHECKPOINT, "."))


def _least(item: Path) -> int:
    size = item.stat().st_size
    return min(size, 1) if item.suffix in TEXT else size


def _is_whole(path: Path, size: int) -> bool:
    if path.is_symlink():
        return True  # a backend made it, which may show what it leads to only later
    return path.is_file() and path.stat().st_size >= size
