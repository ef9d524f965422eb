"""Refuse data that would train badly without anybody noticing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ftk.plugin import UNTRAINED, FtkError, RowTokenizer, Schema, TokenisedRow

BLOCK: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "max_truncated": {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "default": 0.05,
            "description": "the share of rows that may be longer than sequence_len and so be left out",
        },
        "allow_untrained_eos": {
            "type": "boolean",
            "default": False,
            "description": "accept rows whose end is not trained; such a model does not learn when to stop",
        },
    },
}


@dataclass
class MaskGate:
    """Counts and judges tokenised rows.

    :param tokenizer: knows the end-of-sequence token.
    :param sequence_len: the longest row that is trained, in tokens.
    :param limits: the config's `ftk.data`.
    """

    tokenizer: RowTokenizer
    sequence_len: int
    limits: Mapping[str, Any]
    seen: int = 0
    truncated: int = 0

    def admits(self, row: TokenisedRow, place: str) -> bool:
        """Whether the row is trained; False for one that is too long.

        :param place: the row's file and line.
        :raises FtkError: for a row that carries no loss, or whose end carries none.
        """
        self.seen += 1
        if len(row.input_ids) > self.sequence_len:
            self.truncated += 1
            return False
        if all(label == UNTRAINED for label in row.labels):
            raise FtkError(f"{place}: no token of this row is trained", "give it an answer, or remove the row")
        if self.tokenizer.eos not in row.labels and not self.limits["allow_untrained_eos"]:
            raise FtkError(
                f"{place}: the end-of-sequence token of this row is not trained, so the model would not learn to stop",
                "let the format end its last segment, or set ftk.data.allow_untrained_eos: true",
            )
        return True

    def close(self) -> None:
        """Judge all rows together.

        :raises FtkError: when too many were left out, or all.
        """
        share = self.truncated / max(self.seen, 1)
        if self.truncated and (share > self.limits["max_truncated"] or self.truncated == self.seen):
            raise FtkError(
                f"{self.truncated} of {self.seen} rows ({share:.0%}) are longer than sequence_len {self.sequence_len}"
                " and would be left out",
                "raise sequence_len, shorten the rows, or accept it with ftk.data.max_truncated",
            )
