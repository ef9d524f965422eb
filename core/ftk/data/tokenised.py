"""Rows as engines read them: token ids, and what of them is trained."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ftk.artifacts import DataKind

UNTRAINED = -100
"""The label of a token that carries no loss (the ignore index of PyTorch's cross entropy)."""

Decode = Callable[[list[int], bool], str]
"""The text of tokens, special ones with it where that is true."""

_IDS = "int32[]"


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

    kind: ClassVar[DataKind] = "sft"

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
        """Its values by column."""
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

    def cut(self, most: int, text: Decode) -> "TokenisedRow":
        """Its first tokens."""
        return TokenisedRow(self.input_ids[:most], self.labels[:most], min(self.answer_start, most))


@dataclass(frozen=True)
class TokenisedPair:
    """One prompt with a better and a worse answer.

    The ids are those of the prompt and an answer tokenised together; a token of both is the answers'.
    """

    prompt: str
    chosen: str
    rejected: str
    prompt_ids: list[int]
    chosen_ids: list[int]
    rejected_ids: list[int]

    kind: ClassVar[DataKind] = "preference"

    def __len__(self) -> int:
        return len(self.prompt_ids) + max(len(self.chosen_ids), len(self.rejected_ids))

    @property
    def trained(self) -> int:
        """The number of tokens that carry loss."""
        return len(self.chosen_ids) + len(self.rejected_ids)

    def parts(self, most: int) -> "Iterator[TokenisedPair]":
        """The row, since it cannot be divided."""
        yield self

    def cut(self, most: int, text: Decode) -> "TokenisedPair":
        """With answers that end where the row is too long; without any where its prompt is."""
        room = max(most - len(self.prompt_ids), 0)
        chosen, chosen_ids = _shortened(self.chosen, self.chosen_ids, room, text)
        rejected, rejected_ids = _shortened(self.rejected, self.rejected_ids, room, text)
        return TokenisedPair(self.prompt, chosen, rejected, self.prompt_ids, chosen_ids, rejected_ids)

    @property
    def sample(self) -> tuple[list[int], list[int]]:
        """The tokens of the prompt and of the better answer."""
        return self.prompt_ids, self.chosen_ids

    @property
    def columns(self) -> Mapping[str, Any]:
        """Its values by column."""
        return vars(self)


@dataclass(frozen=True)
class TokenisedUnpaired:
    """One prompt with an answer that is good or bad."""

    prompt: str
    completion: str
    label: bool
    prompt_ids: list[int]
    completion_ids: list[int]

    kind: ClassVar[DataKind] = "unpaired"

    def __len__(self) -> int:
        return len(self.prompt_ids) + len(self.completion_ids)

    @property
    def trained(self) -> int:
        """The number of tokens that carry loss."""
        return len(self.completion_ids)

    def parts(self, most: int) -> "Iterator[TokenisedUnpaired]":
        """The row, since it cannot be divided."""
        yield self

    def cut(self, most: int, text: Decode) -> "TokenisedUnpaired":
        """With an answer that ends where the row is too long; without any where its prompt is."""
        room = max(most - len(self.prompt_ids), 0)
        completion, completion_ids = _shortened(self.completion, self.completion_ids, room, text)
        return TokenisedUnpaired(self.prompt, completion, self.label, self.prompt_ids, completion_ids)

    @property
    def sample(self) -> tuple[list[int], list[int]]:
        """The tokens of the prompt and of the answer."""
        return self.prompt_ids, self.completion_ids

    @property
    def columns(self) -> Mapping[str, Any]:
        """Its values by column."""
        return vars(self)


def _shortened(text: str, ids: list[int], most: int, decode: Decode) -> tuple[str, list[int]]:
    return (text, ids) if len(ids) <= most else (decode(ids[:most], True), ids[:most])


AnyRow = TokenisedRow | TokenisedPair | TokenisedUnpaired

COLUMNS: Mapping[DataKind, Mapping[str, str]] = {
    "sft": {"input_ids": _IDS, "attention_mask": "int8[]", "labels": _IDS},
    "preference": {
        **dict.fromkeys(("prompt", "chosen", "rejected"), "string"),
        **dict.fromkeys(("prompt_ids", "chosen_ids", "rejected_ids"), _IDS),
    },
    "unpaired": {
        **dict.fromkeys(("prompt", "completion"), "string"),
        "label": "bool",
        **dict.fromkeys(("prompt_ids", "completion_ids"), _IDS),
    },
}
"""The columns of staged data by their kind, each with its type as Arrow names it; `[]` for a list of them."""
