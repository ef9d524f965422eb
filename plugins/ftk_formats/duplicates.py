"""Know rows that were there already."""

from array import array
from hashlib import blake2b

from ftk.plugin import AnyRow, TokenisedRow


class Duplicates:
    """Remembers rows by a digest of their tokens and labels.

    :param wanted: whether duplicates are looked for at all.
    """

    def __init__(self, wanted: bool) -> None:
        self.found = 0
        self._wanted = wanted
        self._seen: set[bytes] = set()

    def has(self, row: AnyRow) -> bool:
        """Whether the same row was given before."""
        if not self._wanted:
            return False
        digest = blake2b(_content(row), digest_size=16).digest()
        known = digest in self._seen
        self._seen.add(digest)
        self.found += known
        return known


def _content(row: AnyRow) -> bytes:
    if isinstance(row, TokenisedRow):
        return array("q", row.input_ids + row.labels).tobytes()
    return repr(sorted(row.columns.items())).encode()
