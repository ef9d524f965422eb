"""The tokens that end the turns of a conversation, and which of them are trained."""

from collections.abc import Sequence

NEAR = 3
"""Tokens between a turn's content and the token that ends it, at most: the template's padding."""


class TurnEnds:
    """One kind of token that ends turns.

    :param ids: the tokens.
    :param which: which are trained: `all`, `turn` (of trained turns), `last`, `none`.
    """

    def __init__(self, ids: set[int], which: str) -> None:
        self._ids = ids
        self._which = which
        self._last: int | None = None

    def mark(self, labels: list[int], ids: Sequence[int], behind: int, trained: bool) -> None:
        """Train the token that ends a turn, if it should be.

        :param behind: the place after the turn's content, before all tokens where there is no content.
        """
        near = range(max(behind, 0), min(behind + NEAR + 1, len(ids)))
        found = next((place for place in near if ids[place] in self._ids), None)
        if found is None or (behind < 0 and ids[-1] in self._ids):
            return
        self._last = found
        if self._which == "all" or (self._which == "turn" and trained):
            labels[found] = ids[found]

    def close(self, labels: list[int], ids: Sequence[int]) -> None:
        """Train the last one, if just that should be."""
        if self._which == "last" and self._last is not None:
            labels[self._last] = ids[self._last]
