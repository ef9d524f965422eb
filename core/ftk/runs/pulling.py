"""Bring files of a run to this machine, wherever it lives; what has come is not brought again."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ftk import files
from ftk.backend import Stored
from ftk.errors import FtkError, UsageError
from ftk.runs.record import RunRecord

MARKS = ".ftk-pull.json"
"""In the folder that is filled: size and version of each file that has come whole."""

LOCK = ".lock"

Marks = dict[str, list[int | str]]


@dataclass(frozen=True)
class Pulled:
    """What a pull has done.

    :param place: the file or folder on this machine.
    :param files: how many there are.
    :param size: their bytes.
    :param fetched: those of them that were brought by this call.
    :param gone: those that a working run has removed meanwhile.
    """

    place: Path
    files: int
    size: int
    fetched: int
    gone: int


def pull(record: RunRecord, path: str, target: Path, advance: Callable[[int, int], None]) -> Pulled:
    """Bring a file or folder of a run, with its path in the run, below `target`.

    :param path: in the run; empty for all of it.
    :param advance: is told the bytes that have come and those that there are, again and again.
    :raises UsageError: where there is nothing of that name in the run.
    """
    path = path.strip("/")
    if ".." in path.split("/"):
        raise UsageError(f"{path!r} leads out of {record.id}", f"`ftk pull {record.id}` brings all of it")
    stored = {name: item for name, item in record.backend.stored(record.id, path).items() if not _is_passing(name)}
    if not stored:
        raise UsageError(f"{record.id} has no {path!r}", f"`ftk pull {record.id}` brings all of it")
    marks: Marks = files.read_json(target / MARKS) or {}
    wanted = {name: item for name, item in stored.items() if not _is_here(target / name, item, marks.get(name))}
    total = sum(item.size for item in stored.values())
    come = total - sum(item.size for item in wanted.values())

    def tell(size: int) -> None:
        nonlocal come
        come += size
        advance(come, total)

    tell(0)
    gone = 0
    for name, item in wanted.items():
        try:
            _fetch(record, name, item, target / name, tell)
        except FileNotFoundError:
            gone += 1
            total -= item.size
            continue
        marks[name] = [item.size, item.version]
        files.write_json(target / MARKS, marks)
    return Pulled(target / path, len(stored) - gone, total, len(wanted) - gone, gone)


def _is_passing(name: str) -> bool:
    """Whether a file is there only for those who work on the run."""
    return any(part == LOCK or part.endswith(files.PARTIAL) for part in name.split("/"))


def _is_here(path: Path, item: Stored, mark: list[int | str] | None) -> bool:
    return mark == [item.size, item.version] and path.is_file() and path.stat().st_size == item.size


def _fetch(record: RunRecord, name: str, item: Stored, target: Path, advance: Callable[[int], None]) -> None:
    with files.new_file(target) as stream:
        record.backend.fetch(record.id, name, stream, advance)
        come = stream.seek(0, 2)
        # A working run appends to files; what was added stays here, and the next call brings the rest.
        if come < item.size:
            raise FtkError(
                f"{name} came with {come} bytes of {item.size}",
                f"`ftk pull {record.id}` again: it may have been changed meanwhile",
            )
