"""A backend that executes each command on copies of run and cache in another place, as a machine far away would.

The originals are out of reach meanwhile: a command that was told a path of theirs fails. What the command has changed
is brought back, but for the files that the driver writes itself.
"""

import filecmp
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ftk.plugin import LOG_FILE, Backend, Command, Environment, Home, Interpreter, hookimpl
from ftk_local.backend import LocalBackend
from ftk_local.supervise import supervise

DRIVERS_OWN = {".lock", LOG_FILE, "events/driver.jsonl"}


@hookimpl
def backend(name: str, home: Home) -> Backend | None:
    """The backend `copying`."""
    return CopyingBackend(home) if name == CopyingBackend.name else None


class CopyingBackend(LocalBackend):
    """Like `local`, but for where commands run."""

    name = "copying"

    def execute(self, run_id: str, command: Command, environment: Environment, events: str) -> int:
        """Run the command on copies."""
        run, cache = self.home.runs / run_id, self.home.cache
        with (
            tempfile.TemporaryDirectory(prefix="far-away-") as far,
            _lent(run, Path(far, "the-run")) as run_copy,
            _lent(cache, Path(far, "the-cache")) as cache_copy,
        ):
            return supervise(run_copy, cache_copy, command, run_copy / events, Interpreter(Path(sys.executable)))


@contextmanager
def _lent(original: Path, copy: Path) -> Iterator[Path]:
    """A copy of a folder, whose changes are brought back at the end; the folder itself is gone meanwhile."""
    shutil.copytree(original, copy)
    printed = _size(copy / LOG_FILE)
    hidden = original.rename(original.with_name(f"{original.name}.hidden"))
    try:
        yield copy
    finally:
        hidden.rename(original)
        _bring_back(copy, original)
        _bring_back_output(copy / LOG_FILE, original / LOG_FILE, printed)


def _bring_back(copy: Path, original: Path) -> None:
    there, here = _names(copy), _names(original)
    for name in here - there:
        (original / name).unlink()
    for name in there:
        if name not in here or not filecmp.cmp(copy / name, original / name, shallow=False):
            (original / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(copy / name, original / name)


def _names(folder: Path) -> set[str]:
    names = {item.relative_to(folder).as_posix() for item in folder.rglob("*") if item.is_file()}
    return names - DRIVERS_OWN


def _bring_back_output(copy: Path, original: Path, printed: int) -> None:
    """Append what the command has printed to the log, which the driver has open too."""
    if _size(copy) > printed:
        with copy.open("rb") as source, original.open("ab") as target:
            source.seek(printed)
            shutil.copyfileobj(source, target)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
