"""Tell a completion as it comes."""

from collections.abc import Callable, Sequence
from typing import Any

from transformers.generation.streamers import BaseStreamer

UNFINISHED = "\N{REPLACEMENT CHARACTER}"
"""What a tokenizer makes of tokens that are only the beginning of a character."""


class Pieces(BaseStreamer):
    """Takes the tokens of one completion as they are generated, and tells its text piece by piece.

    :param decode: makes a text of token ids.
    :param stop: texts at the first of which the completion ends, without it.
    :param tell: is given each piece. Together they are the beginning of the completion, perhaps not all of it.
    """

    def __init__(self, decode: Callable[[list[int]], str], stop: Sequence[str], tell: Callable[[str], None]) -> None:
        self._decode = decode
        self._stop = stop
        self._tell = tell
        self._tokens: list[int] | None = None
        self._told = ""

    def put(self, value: Any) -> None:
        """Take the next tokens; the first ones are the prompt."""
        if self._tokens is None:
            self._tokens = []
            return
        self._tokens += value.flatten().tolist()
        text = settled(self._decode(self._tokens), self._stop)
        if len(text) > len(self._told) and text.startswith(self._told):
            self._tell(text[len(self._told) :])
            self._told = text

    def end(self) -> None:
        """Nothing: what is left of the text is in the answer."""


def settled(text: str, stop: Sequence[str]) -> str:
    """The part of a text that stays as it is, whatever follows.

    :param stop: texts at the first of which it ends.
    """
    places = [place for item in stop if (place := text.find(item)) >= 0]
    if places:
        return text[: min(places)]
    text = text.rstrip(UNFINISHED)
    begun = (size for item in stop for size in range(1, len(item)) if text.endswith(item[:size]))
    return text[: len(text) - max(begun, default=0)]
