"""Files of runs as commands on this machine read them: again and again while a run works, and yet gently."""

import time
from collections.abc import Sequence
from io import BytesIO

from ftk_modal.pace import Pace
from ftk_modal.volume import Entry, Store

FRESH = 1.0
"""Seconds that a listing is good for."""

GROWING = (".jsonl", ".txt")
"""Files that only grow: while their size is the same, so is their content."""


class Reader:
    """Reads from a volume, and keeps what cannot have changed.

    :param store: the volume.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._listings: dict[str, tuple[float, list[Entry]]] = {}
        self._contents: dict[str, tuple[int, bytes]] = {}
        self._pace = Pace()

    def forget(self) -> None:
        """Look anew the next time."""
        self._listings.clear()
        self._pace.forget()

    def names(self, folder: str) -> Sequence[str]:
        """The names in a folder, sorted."""
        return sorted(entry.name for entry in self._entries(folder) if entry.path != folder)

    def open(self, path: str) -> BytesIO:
        """The content of a file; of a large one that grows, as it was not long ago.

        :raises FileNotFoundError: where there is none.
        """
        if not path.endswith(GROWING):
            return BytesIO(self.store.read(path))
        entry = next((item for item in self._entries(path.rpartition("/")[0]) if item.path == path), None)
        if entry is None:
            raise FileNotFoundError(path)
        size, content = self._contents.get(path, (-1, b""))
        if size != entry.size and self._pace.is_due(path):
            content = self.store.read(path)
            self._contents[path] = (entry.size, content)
            self._pace.fetched(path, entry.size)
        return BytesIO(content)

    def _entries(self, folder: str) -> list[Entry]:
        folder = folder.rstrip("/")
        at, found = self._listings.get(folder, (0.0, []))
        if time.monotonic() - at > FRESH:
            found = self.store.entries(folder)
            self._listings[folder] = (time.monotonic(), found)
        return found
