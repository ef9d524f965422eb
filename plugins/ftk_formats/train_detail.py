"""Which tokens of a text lie in the stretches of it that are trained."""

from collections.abc import Mapping, Sequence
from typing import Any

from ftk.plugin import RowError, RowTokenizer
from ftk_formats import fields

Stretch = tuple[int, int]
"""The places of a first and a last character."""


def trained_tokens(tokenizer: RowTokenizer, text: str, details: Sequence[Mapping[str, Any]]) -> list[bool]:
    """For each token of the text whether it lies whole in a trained stretch.

    :param details: stretches with `begin_offset`, `end_offset` (of the last character) and `train`.
    :raises RowError: when a stretch is none.
    """
    tokens = _stretches([start for start, _ in tokenizer.encode(text).offsets], len(text))
    trained = [_aligned(_stretch(item), tokens) for item in details if item.get("train")]
    return [any(found and found[0] <= first and last <= found[1] for found in trained) for first, last in tokens]


def _stretches(starts: Sequence[int], length: int) -> list[Stretch]:
    """Each token with all characters up to the next one."""
    return [(start, end - 1) for start, end in zip(starts, [*starts[1:], length], strict=True)]


def _stretch(detail: Any) -> Stretch:
    try:
        return int(detail["begin_offset"]), int(detail["end_offset"])
    except (TypeError, KeyError, ValueError):
        message = f"{fields.shown(detail)} does not tell which characters are trained"
        raise RowError(message, "write `begin_offset`, `end_offset` and `train`") from None


def _aligned(stretch: Stretch, tokens: Sequence[Stretch]) -> Stretch | None:
    """The stretch widened to whole tokens; None where it holds none."""
    begin, end = stretch
    first = next((number for number, token in enumerate(tokens) if token[0] >= begin), len(tokens))
    if first > 0 and tokens[first - 1][1] > begin:
        first -= 1
    last = next((number for number in reversed(range(len(tokens))) if tokens[number][1] <= end), -1)
    if last < len(tokens) - 1 and tokens[last + 1][0] < end:
        last += 1
    return (tokens[first][0], tokens[last][1]) if first <= last else None
