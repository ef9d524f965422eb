"""From rows to token ids and labels: one way for every engine, so that what is inspected is what is trained."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ftk.errors import FtkError
from ftk.schema import Schema

if TYPE_CHECKING:
    from tokenizers import Encoding

UNTRAINED = -100
"""The label of a token that carries no loss (the ignore index of PyTorch's cross entropy)."""

TOKENIZER_FILE = "tokenizer.json"

USER_DEFINED = "user_defined"
"""The format of a data set whose `type` is a mapping."""


def format_of(kind: str | Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The format's name and its options, from a data set's `type`."""
    return (kind, {}) if isinstance(kind, str) else (USER_DEFINED, kind)


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
    """

    text: str
    trained: bool
    ends: bool = False


class DatasetFormat(Protocol):
    """How the rows of a data set become segments.

    `name` is what a config's `type` says; `user_defined` serves a `type` that is a mapping, and `schema` is the JSON
    schema of that mapping. `revision` is raised when the same row would give other segments.
    """

    name: str
    revision: int
    schema: Schema

    def segments(self, row: Mapping[str, Any], options: Mapping[str, Any], train_on_inputs: bool) -> Sequence[Segment]:
        """The segments of one row, in order.

        :param row: the fields of the row.
        :param options: the config's `type` with defaults, where that is a mapping; else empty.
        :param train_on_inputs: whether prompts carry loss too.
        :raises RowError: when the row does not fit.
        """
        ...


@dataclass(frozen=True)
class TokenisedRow:
    """One row as engines read it.

    :param labels: as long as `input_ids`; the token where it is trained, else `UNTRAINED`.
    :param answer_start: where the tokens of the last segment begin; those before it are its prompt.
    """

    input_ids: list[int]
    labels: list[int]
    answer_start: int

    @property
    def trained(self) -> int:
        """The number of tokens that carry loss."""
        return len(self.labels) - self.labels.count(UNTRAINED)


class RowTokenizer:
    """Turns segments into token ids and labels.

    :param folder: holds `tokenizer.json` and `tokenizer_config.json` as Hugging Face tokenizers keep them.
    """

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        named = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        self.bos = self._special(named.get("bos_token"))
        self.eos = self._special(named.get("eos_token"))

    def _special(self, token: str | Mapping[str, str] | None) -> int | None:
        text = token["content"] if isinstance(token, Mapping) else token
        return None if text is None else self._tokenizer.token_to_id(text)

    def rows(self, rows: Sequence[Sequence[Segment]]) -> list[TokenisedRow]:
        """Tokenise many rows at once, which is several times faster than one by one."""
        encodings = iter(self._tokenizer.encode_batch([segment.text for row in rows for segment in row]))
        return [self._join([(segment, next(encodings)) for segment in row]) for row in rows]

    def _join(self, parts: "list[tuple[Segment, Encoding]]") -> TokenisedRow:
        input_ids: list[int] = []
        labels: list[int] = []
        answer_start = 0
        for segment, encoding in parts:
            ids = self._ids(segment, encoding.ids, first=not input_ids)
            answer_start = len(input_ids)
            input_ids += ids
            labels += ids if segment.trained else [UNTRAINED] * len(ids)
        return TokenisedRow(input_ids, labels, answer_start)

    def _ids(self, segment: Segment, ids: list[int], first: bool) -> list[int]:
        if not segment.text:
            return []
        if segment.ends and self.eos is None:
            raise FtkError("the base model's tokenizer names no end-of-sequence token", "name an `eos_token` for it")
        if segment.ends and self.eos is not None and ids[-1:] != [self.eos]:
            ids = [*ids, self.eos]
        return ids[1:] if not first and ids[:1] == [self.bos] else ids

    def text(self, ids: Sequence[int], with_specials: bool = False) -> str:
        """The text of token ids."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=not with_specials))
