"""Models and prepared data by content: made once, used by every run."""

import errno
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ftk import files, refusals
from ftk.artifacts import Artifact
from ftk.errors import UsageError


class Cache:
    """A folder of entries, each of them whole or absent.

    The sizes of an entry's files are kept beside it, so that one which was damaged later is known and built again.

    :param root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def refuse_unwritable(self) -> None:
        """Stop where nothing could be kept in it.

        :raises UsageError: naming the remedy.
        """
        try:
            if not os.access(files.make_folder(self.root), os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self.root))
        except OSError as error:
            remedy = refusals.remedy_for(error, "name another folder: FTK_CACHE_DIR")
            raise UsageError(f"the cache cannot be written: {refusals.told(error)}", remedy) from None

    def entry(self, kind: str, inputs: Mapping[str, Any], build: Callable[[Artifact], None]) -> Artifact:
        """The entry for these inputs; it is built where it is missing or damaged, by one process at a time.

        :param kind: the sub-folder, such as `models`.
        :param inputs: JSON values that decide the content.
        :param build: fills the empty folder that it is given.
        """
        entry = _entry(kind, inputs)
        if not self._is_whole(entry):
            with files.locked(self._beside("locks", entry, "lock")):
                if not self._is_whole(entry):
                    with files.new_folder(self.root / entry.path) as partial:
                        build(Artifact("cache", partial.relative_to(self.root).as_posix()))
                        # Before the entry has its name, so that none is ever there without it.
                        files.write_json(self._record(entry), files.sizes_below(partial))
        return entry

    def existing(self, kind: str, inputs: Mapping[str, Any]) -> Artifact | None:
        """The entry for these inputs, if it was built before."""
        entry = _entry(kind, inputs)
        return entry if self._is_whole(entry) else None

    def _is_whole(self, entry: Artifact) -> bool:
        """Whether an entry is there with all that was built, or is there and older than such records."""
        folder = self.root / entry.path
        if not folder.is_dir():
            return False
        try:
            built = json.loads(self._record(entry).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return True
        except ValueError:
            return False
        return files.has_sizes(folder, built)

    def _record(self, entry: Artifact) -> Path:
        return self._beside("records", entry, "json")

    def _beside(self, folder: str, entry: Artifact, ending: str) -> Path:
        return self.root / folder / f"{entry.path.replace('/', '-')}.{ending}"


def _entry(kind: str, inputs: Mapping[str, Any]) -> Artifact:
    return Artifact("cache", f"{kind}/{files.sha256_of(dict(inputs))[:32]}")
