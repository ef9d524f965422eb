"""Formats without any template: running text, pieces that say whether they are trained, and token ids."""

from collections.abc import Mapping, Sequence
from typing import Any

from ftk.plugin import TOKENISED, UNTRAINED, DatasetFormat, RowError, RowTokenizer, Schema, Segment, TokenisedRow
from ftk_formats import fields
from ftk_formats.instructions import NO_OPTIONS

LARGEST = 2**31 - 1
"""What no token's id exceeds: staged data have 32 bits for each."""


class Completion:
    """Text that is learned as a whole; one longer than `sequence_len` becomes several rows."""

    name = "completion"
    revision = 1
    schema: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"field": {"type": "string", "default": "text", "description": "the field that holds the text"}},
    }
    example = {"text": "2+2=4"}

    def segments(self, row: Mapping[str, Any], options: Mapping[str, Any], train_on_inputs: bool) -> Sequence[Segment]:
        """The text, which ends the sequence."""
        return [Segment(fields.answer(row, options["field"]), trained=True, ends=True, divisible=True)]


class InputOutput:
    """Pieces of text under `segments`, each with a `label` that says whether it is trained, and nothing added."""

    name = "input_output"
    revision = 1
    schema = NO_OPTIONS
    example = {"segments": [{"label": False, "text": "2+2="}, {"label": True, "text": "4"}]}

    def segments(self, row: Mapping[str, Any], options: Mapping[str, Any], train_on_inputs: bool) -> Sequence[Segment]:
        """The pieces as they are."""
        pieces = [self._piece(item, number) for number, item in enumerate(fields.items(row, "segments"))]
        if not any(trained for _, trained in pieces):
            raise RowError("no segment is trained", "give one of them `label: true`, or remove the row")
        return [Segment(text, trained=trained or train_on_inputs, bare=True) for text, trained in pieces]

    def _piece(self, item: Any, number: int) -> tuple[str, bool]:
        if (
            not isinstance(item, dict)
            or not isinstance(item.get("text"), str)
            or not isinstance(item.get("label"), bool)
        ):
            message = f"`segments[{number}]` is {fields.shown(item)}"
            raise RowError(message, "write each as an object with `text` and `label: true` or false")
        return item["text"], item["label"]


class Tokenised:
    """Rows that are token ids already: `input_ids`, `labels` (-100 where not trained) and `attention_mask`."""

    name = TOKENISED
    revision = 1
    schema = NO_OPTIONS
    example = {"input_ids": [5, 6, 7], "labels": [UNTRAINED, 6, 7]}

    def __init__(self, vocabulary: int | None = None) -> None:
        self.vocabulary = vocabulary

    def bound(self, tokenizer: RowTokenizer, options: Mapping[str, Any]) -> DatasetFormat:
        """The format with the number of tokens that there are."""
        return Tokenised(tokenizer.size)

    def segments(self, row: Mapping[str, Any], options: Mapping[str, Any], train_on_inputs: bool) -> TokenisedRow:
        """The ids as they are."""
        ids, labels = (_numbers(row, field) for field in ("input_ids", "labels"))
        self._refuse_unknown(ids)
        if len(labels) != len(ids):
            raise RowError(f"`labels` has {len(labels)} items, `input_ids` {len(ids)}", "make them equally long")
        mask = row.get("attention_mask")
        if mask is not None and mask != [1] * len(ids):
            raise RowError("`attention_mask` is not a 1 for each token", "leave padding out of the row")
        if any(label not in (UNTRAINED, token) for label, token in zip(labels, ids, strict=True)):
            raise RowError("`labels` differs from `input_ids`", f"write the same id, or {UNTRAINED} for no loss")
        return TokenisedRow(ids, labels, _last_answer(labels))

    def _refuse_unknown(self, ids: Sequence[int]) -> None:
        least, most = min(ids), max(ids)
        if self.vocabulary is not None and most >= self.vocabulary:
            message = f"the field `input_ids` holds {most}, but the tokenizer has {self.vocabulary} tokens"
            raise RowError(message, "tokenise with this base model's tokenizer")
        if least < 0 or most > LARGEST:
            message = f"the field `input_ids` holds {least if least < 0 else most}, which is the id of no token"
            raise RowError(message, f"write ids from 0 on, and {UNTRAINED} only in `labels`")


def _numbers(row: Mapping[str, Any], field: str) -> list[int]:
    if field not in row:
        message = f"the field `{field}` is missing (it has {fields.names(row)})"
        raise RowError(message, "add it, or name the data set's `type`, such as alpaca")
    numbers = fields.items(row, field)
    for number in numbers:
        if not isinstance(number, int) or isinstance(number, bool):
            raise RowError(f"the field `{field}` holds {fields.shown(number)}", "write whole numbers")
    return numbers


def _last_answer(labels: Sequence[int]) -> int:
    """Where the last trained stretch begins."""
    start = len(labels)
    while start and labels[start - 1] == UNTRAINED:
        start -= 1
    while start and labels[start - 1] != UNTRAINED:
        start -= 1
    return start
