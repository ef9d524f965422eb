"""Refuse data that would train badly without anybody noticing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ftk.plugin import AnyRow, Config, FtkError, Problem, ProblemsFound, RowTokenizer, Schema, TokenisedRow

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
        "max_problems": {
            "type": "integer",
            "minimum": 1,
            "default": 20,
            "description": "bad rows that are told before reading stops",
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
    """Counts, cuts and judges tokenised rows.

    :param tokenizer: knows the end-of-sequence token.
    :param config: the run's, of which it reads the lengths and `ftk.data`.
    """

    tokenizer: RowTokenizer
    config: Config
    seen: int = 0
    truncated: int = 0
    short: int = 0

    def __post_init__(self) -> None:
        self._problems: list[Problem] = []
        self._longest: int = self.config["sequence_len"]
        self._shortest: int = self.config["min_sample_len"]
        self._excess: str = self.config["excess_length_strategy"]
        self._limits: Mapping[str, Any] = self.config.ftk["data"]
        eot_tokens = self.config.get("eot_tokens") or ()
        self._ends_known = {self.tokenizer.eos, *(self.tokenizer.id(token) for token in eot_tokens)}

    def admit(self, row: AnyRow, place: str) -> AnyRow | None:
        """The row as it is trained; None for one that is left out, or bad: without loss, or without loss at its end.

        :param place: the row's file and line.
        :raises ProblemsFound: as soon as there are too many bad rows.
        """
        self.seen += 1
        if len(row) > self._longest and self._excess != "raise":
            return self._cut(row)
        if len(row) < self._shortest:
            self.short += 1
            return None
        if wrong := self._find_wrong(row):
            self._refuse(Problem(place, *wrong))
            return None
        return row

    def _find_wrong(self, row: AnyRow) -> tuple[str, str] | None:
        """What is wrong with a row, and the remedy."""
        if len(row) > self._longest:
            message = f"this row has {len(row)} tokens, more than sequence_len {self._longest}"
            return message, "shorten it, raise sequence_len, or set excess_length_strategy: drop or truncate"
        if not row.trained:
            return "no token of this row is trained", "give it an answer, or remove the row"
        if not self._ends(row) and not self._limits["allow_untrained_eos"]:
            return (
                "the end-of-sequence token of this row is not trained, so the model would not learn to stop",
                "let the format end its last segment, name the token that ends a chat template's turns as eot_tokens,"
                " or set ftk.data.allow_untrained_eos: true",
            )
        return None

    def _refuse(self, problem: Problem) -> None:
        """Note what is wrong with a row; the others are looked at, so that all are told together.

        :raises ProblemsFound: when these are as many as a person wants to see.
        """
        if problem not in self._problems:  # several parts of a row may be so
            self._problems.append(problem)
        most = self._limits["max_problems"]
        if len(self._problems) == most:
            stopped = Problem(problem.place, f"{most} bad rows; reading stopped", "mend these first")
            raise ProblemsFound([*self._problems, stopped])

    def _ends(self, row: AnyRow) -> bool:
        """Whether the model learns to stop where the row stops; a pair always has its ends."""
        if not isinstance(row, TokenisedRow) or row.goes_on:
            return True
        return not self._ends_known.isdisjoint(reversed(row.labels))  # from its end, where the token most often is

    def _cut(self, row: AnyRow) -> AnyRow | None:
        self.truncated += 1
        if self._excess == "drop":
            return None
        cut = row.cut(self._longest, self.tokenizer.text)
        return cut if cut.trained else None

    def close(self) -> None:
        """Judge all rows together.

        :raises ProblemsFound: when some are bad.
        :raises FtkError: when too many were left out, or all.
        """
        if self._problems:
            raise ProblemsFound(self._problems)
        if self._excess != "drop":
            return
        share = self.truncated / max(self.seen, 1)
        if self.truncated and (share > self._limits["max_truncated"] or self.truncated == self.seen):
            raise FtkError(
                f"{self.truncated} of {self.seen} rows ({share:.0%}) are longer than sequence_len {self._longest}"
                " and would be left out",
                "raise sequence_len, shorten the rows, cut them with excess_length_strategy: truncate, or accept it"
                " with ftk.data.max_truncated",
            )
