"""Rows as engines read them: token ids, and what of them is trained."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

UNTRAINED = -100
"""The label of a token that carries no loss (the ignore index of PyTorch's cross entropy)."""

IDS = "list<int32>"
"""The type of a column of token ids."""


@dataclass(frozen=True)
class TokenisedRow:
    """One row to be trained by its labels.

    :param labels: as long as `input_ids`; the token where it is trained, else `UNTRAINED`.
    :param answer_start: where the tokens of the answer begin; those before it are its prompt.
    :param divisible: whether a row that is too long is divided, not left out.
    :param goes_on: whether its text goes on in the next row, so that it has no end of its own.
    """

    input_ids: list[int]
    labels: list[int]
    answer_start: int
    divisible: bool = False
    goes_on: bool = False

    def __len__(self) -> int:
        return len(self.input_ids)

    @property
    def trained(self) -> int:
        """The number of tokens that carry loss."""
        return len(self.labels) - self.labels.count(UNTRAINED)

    @property
    def sample(self) -> tuple[list[int], list[int]]:
        """The tokens of the prompt and of the expected answer."""
        return self.input_ids[: self.answer_start], self.input_ids[self.answer_start :]

    @property
    def columns(self) -> Mapping[str, Any]:
        """Its values by the columns of `SFT`."""
        return {"input_ids": self.input_ids, "attention_mask": [1] * len(self), "labels": self.labels}

    def parts(self, most: int) -> "Iterator[TokenisedRow]":
        """The row, or its parts of at most so many tokens where it is divisible."""
        if not self.divisible or len(self) <= most:
            yield self
            return
        for start in range(0, len(self), most):
            end = start + most
            ids, labels = self.input_ids[start:end], self.labels[start:end]
            yield TokenisedRow(ids, labels, 0, goes_on=end < len(self))

    def cut(self, most: int) -> "TokenisedRow":
        """Its first tokens."""
        return TokenisedRow(self.input_ids[:most], self.labels[:most], min(self.answer_start, most))


@dataclass(frozen=True)
class TokenisedPair:
    """One prompt with a better and a worse answer.

    The ids of an answer are those that follow the prompt's where both are tokenised together.
    """

    prompt: str
    chosen: str
    rejected: str
    prompt_ids: list[int]
    chosen_ids: list[int]
    rejected_ids: list[int]

    def __len__(self) -> int:
        return len(self.prompt_ids) + max(len(self.chosen_ids), len(self.rejected_ids))

    @property
    def trained(self) -> int:
        """The number of tokens that carry loss."""
        return len(self.chosen_ids) + len(self.rejected_ids)

    @property
    def sample(self) -> tuple[list[int], list[int]]:
        """The tokens of the prompt and of the better answer."""
        return self.prompt_ids, self.chosen_ids

    @property
    def columns(self) -> Mapping[str, Any]:
        """Its values by the columns of `PREFERENCE`."""
        return vars(self)


@dataclass(frozen=True)
class TokenisedUnpaired:
    """One prompt with an answer that is good or bad."""

    prompt: str
    completion: str
    label: bool
    prompt_ids: list[int]
    completion_ids: list[int]

    def __len__(self) -> int:
        return len(self.prompt_ids) + len(self.completion_ids)

    @property
    def trained(self) -> int:
        """The number of tokens that carry loss."""
        return len(self.completion_ids)

    @property
    def sample(self) -> tuple[list[int], list[int]]:
        """The tokens of the prompt and of the answer."""
        return self.prompt_ids, self.completion_ids

    @property
    def columns(self) -> Mapping[str, Any]:
        """Its values by the columns of `UNPAIRED`."""
        return vars(self)


AnyRow = TokenisedRow | TokenisedPair | TokenisedUnpaired

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "sft": {"input_ids": IDS, "attention_mask": "list<int8>", "labels": IDS},
    "preference": {
        **dict.fromkeys(("prompt", "chosen", "rejected"), "string"),
        **dict.fromkeys(("prompt_ids", "chosen_ids", "rejected_ids"), IDS),
    },
    "unpaired": {
        **dict.fromkeys(("prompt", "completion"), "string"),
        "label": "bool",
        **dict.fromkeys(("prompt_ids", "completion_ids"), IDS),
    },
}
"""The columns of staged data by their kind, each with the type that Arrow knows it by."""
