"""Which tokens of a text lie in the stretches of it that are trained."""

from collections.abc import Mapping, Sequence
from typing import Any

from ftk.plugin import RowError, RowTokenizer
from ftk_formats import fields

Detail = Mapping[str, Any]
"""A stretch of a text: `begin_offset` and `end_offset` (of its last character), and `train`."""

Stretch = tuple[int, int]
"""The places of a first and a last character."""

_KEYS = "`begin_offset`, `end_offset` and `train`"


def read_details(value: Any, text: str, what: str) -> list[Detail]:
    """The stretches that a row names.

    :param text: in which they lie; one may end behind it, which is at its end.
    :param what: the value, for a person.
    :raises RowError: when one of them is none.
    """
    if not isinstance(value, list):
        raise RowError(f"{what} is {fields.shown(value)}, not a list", f"write a list of objects with {_KEYS}")
    return [_read(item, len(text), f"{what}[{number}]") for number, item in enumerate(value)]


def _read(item: Any, length: int, what: str) -> Detail:
    if not isinstance(item, dict) or any(key not in item for key in ("begin_offset", "end_offset", "train")):
        raise RowError(f"{what} is {fields.shown(item)}", f"write an object with {_KEYS}")
    begin, end = item["begin_offset"], item["end_offset"]
    if not (_is_whole(begin) and _is_whole(end) and 0 <= begin <= end and begin < length):
        message = f"{what} goes from {fields.shown(begin)} to {fields.shown(end)} in a text of {length} characters"
        raise RowError(message, "count characters from 0; the end is that of the last one")
    return {"begin_offset": int(begin), "end_offset": int(end), "train": fields.flag(item["train"], f"{what}.train")}


def _is_whole(value: Any) -> bool:
    """Whether a value is a whole number; tables write some as 3.0."""
    return value.is_integer() if isinstance(value, float) else isinstance(value, int) and not isinstance(value, bool)


def trained_tokens(tokenizer: RowTokenizer, text: str, details: Sequence[Detail]) -> list[bool]:
    """For each token of the text whether it lies whole in a trained stretch.

    :param details: as `read_details` gives them.
    """
    tokens = _stretches([start for start, _ in tokenizer.encode(text).offsets], len(text))
    trained = [_aligned((item["begin_offset"], item["end_offset"]), tokens) for item in details if item["train"]]
    return [any(found and found[0] <= first and last <= found[1] for found in trained) for first, last in tokens]


def _stretches(starts: Sequence[int], length: int) -> list[Stretch]:
    """Each token with all characters up to the next one."""
    return [(start, end - 1) for start, end in zip(starts, [*starts[1:], length], strict=True)]


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
