"""What a dataset format makes of a row: pieces of text, a pair of answers, or the refusal of the row."""

from collections.abc import Sequence
from dataclasses import dataclass

from ftk.data.tokenised import TokenisedRow


class RowError(Exception):
    """A row of a data set does not fit its format.

    :param message: what is wrong, naming the field.
    :param remedy: what to do about it.
    """

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True)
class Segment:
    """A piece of a row's text; each piece is tokenised by itself.

    :param text: the text; an empty one gives no token.
    :param trained: whether its tokens carry loss.
    :param ends: whether the end-of-sequence token follows it.
    :param bare: whether the tokens that the tokenizer puts around a text are left out.
    :param divisible: whether a row with it that is too long is divided, not left out.
    """

    text: str
    trained: bool
    ends: bool = False
    bare: bool = False
    divisible: bool = False


@dataclass(frozen=True)
class Pair:
    """A prompt with a better and a worse answer, as text that is ready for the model."""

    prompt: str
    chosen: str
    rejected: str


@dataclass(frozen=True)
class Unpaired:
    """A prompt with an answer that is good (`label`) or bad, as text that is ready for the model."""

    prompt: str
    completion: str
    label: bool


Flat = Sequence[Segment] | TokenisedRow | Pair | Unpaired
"""What a format makes of a row: pieces of text, or token ids where it knows them; pairs where `rl` is set."""
