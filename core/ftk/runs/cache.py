"""Models and prepared data by content: made once, used by every run."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ftk import files
from ftk.artifacts import Artifact


class Cache:
    """A folder of entries, each of them whole or absent.

    :param root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def entry(self, kind: str, inputs: Mapping[str, Any], build: Callable[[Artifact], None]) -> Artifact:
        """The entry for these inputs; it is built where it is missing, by one process at a time.

        :param kind: the sub-folder, such as `models`.
        :param inputs: JSON values that decide the content.
        :param build: fills the empty folder that it is given.
        """
        entry = _entry(kind, inputs)
        folder = self.root / entry.path
        if not folder.is_dir():
            with files.locked(self.root / "locks" / f"{entry.path.replace('/', '-')}.lock"):
                if not folder.is_dir():
                    with files.new_folder(folder) as partial:
                        build(Artifact("cache", partial.relative_to(self.root).as_posix()))
        return entry

    def existing(self, kind: str, inputs: Mapping[str, Any]) -> Artifact | None:
        """The entry for these inputs, if it was built before."""
        entry = _entry(kind, inputs)
        return entry if (self.root / entry.path).is_dir() else None


def _entry(kind: str, inputs: Mapping[str, Any]) -> Artifact:
    return Artifact("cache", f"{kind}/{files.sha256_of(dict(inputs))[:32]}")
