"""From rows to token ids and labels: one way for every engine, so that what is inspected is what is trained."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from ftk.data.chat import ChatTemplate, choose_template
from ftk.data.rows import Flat, Pair, Segment, Unpaired
from ftk.data.tokenised import UNTRAINED, AnyRow, TokenisedPair, TokenisedRow, TokenisedUnpaired
from ftk.data.tokenizer import NAMED, TOKENIZER_FILE, own_template, read_named, text_of
from ftk.errors import FtkError, UsageError

if TYPE_CHECKING:
    from tokenizers import Encoding


class RowTokenizer:
    """Turns segments into token ids and labels.

    :param folder: holds `tokenizer.json` and `tokenizer_config.json` as Hugging Face tokenizers keep them.
    """

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        named = read_named(folder)
        self.tokens: Mapping[str, str] = {name: text for name in NAMED if (text := text_of(named.get(name)))}
        self.bos = self.id(self.tokens.get("bos_token"))
        self.eos = self.id(self.tokens.get("eos_token"))
        self._own_template = own_template(folder)

    @property
    def size(self) -> int:
        """The number of tokens that there are."""
        return int(self._tokenizer.get_vocab_size())

    def id(self, token: str | None) -> int | None:
        """The id of a token's text."""
        return None if token is None else self._tokenizer.token_to_id(token)

    def chat_template(self, choice: str | None = None, given: str | None = None) -> ChatTemplate:
        """The tokenizer's chat template, or another one; see `choose_template`.

        :raises UsageError: when there is none.
        """
        source = choose_template(choice, given, self._own_template)
        if source is None:
            raise UsageError("the base model's tokenizer has no chat template", "name one: `chat_template: chatml`")
        return ChatTemplate(source, self.tokens)

    def encode(self, text: str) -> "Encoding":
        """The tokens of a text by itself, without those that the tokenizer would put around it."""
        return self._tokenizer.encode(text, add_special_tokens=False)

    def whole(self, text: str) -> list[int]:
        """The token ids of a text with those that the tokenizer puts around it."""
        return list(self._tokenizer.encode(text).ids)

    def around(self) -> tuple[str, str]:
        """The special tokens that the tokenizer puts before and behind a text."""
        found = self._tokenizer.encode("x")
        mask = found.special_tokens_mask
        first, last = mask.index(0), len(mask) - mask[::-1].index(0)
        return "".join(found.tokens[:first]), "".join(found.tokens[last:])

    def text(self, ids: Sequence[int], with_specials: bool = False) -> str:
        """The text of token ids."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=not with_specials))

    def rows(self, rows: Sequence[Flat]) -> list[AnyRow]:
        """Tokenise many rows at once, which is several times faster than one by one."""
        texts = [_texts(row) for row in rows]
        around, bare = (self._encodings(texts, with_specials) for with_specials in (True, False))
        encoded = ([next(bare if is_bare else around).ids for _, is_bare in parts] for parts in texts)
        return [self._row(row, ids) for row, ids in zip(rows, encoded, strict=True)]

    def _encodings(self, texts: Sequence[Sequence[tuple[str, bool]]], with_specials: bool) -> "Iterator[Encoding]":
        wanted = [text for parts in texts for text, bare in parts if bare != with_specials]
        # Faster, since it does not find out where in the text each token stands.
        return iter(self._tokenizer.encode_batch_fast(wanted, add_special_tokens=with_specials))

    def _row(self, row: Flat, ids: list[list[int]]) -> AnyRow:
        if isinstance(row, TokenisedRow):
            return row
        if isinstance(row, Pair):
            prompt, chosen, rejected = self._divided(ids)
            return TokenisedPair(row.prompt, row.chosen, row.rejected, prompt, chosen, rejected)
        if isinstance(row, Unpaired):
            prompt, completion = self._divided(ids)
            return TokenisedUnpaired(row.prompt, row.completion, row.label, prompt, completion)
        return self._join(list(zip(row, ids, strict=True)))

    def _join(self, parts: list[tuple[Segment, list[int]]]) -> TokenisedRow:
        input_ids: list[int] = []
        labels: list[int] = []
        answer_start = 0
        for number, (segment, encoded) in enumerate(parts):
            ids = self._ids(segment, encoded, first=not number)
            answer_start = len(input_ids)
            input_ids += ids
            labels += ids if segment.trained else [UNTRAINED] * len(ids)
        divisible = any(segment.divisible for segment, _ in parts)
        return TokenisedRow(input_ids, labels, answer_start, divisible)

    def _ids(self, segment: Segment, ids: list[int], first: bool) -> list[int]:
        if not segment.text:
            return []
        if segment.ends and ids[-1:] != [self.end]:
            ids = [*ids, self.end]
        return ids[1:] if not (first or segment.bare) and ids[:1] == [self.bos] else ids

    @property
    def end(self) -> int:
        """The end-of-sequence token.

        :raises FtkError: when the tokenizer has none.
        """
        if self.eos is None:
            message = "the base model's tokenizer names no end-of-sequence token"
            raise FtkError(message, "name one: `special_tokens: {eos_token: ...}`")
        return self.eos

    def _one_start(self, ids: list[int]) -> list[int]:
        """Without the beginning-of-sequence token that the tokenizer puts before the one of a template."""
        return ids[1:] if self.bos is not None and ids[:2] == [self.bos, self.bos] else ids

    def _divided(self, ids: list[list[int]]) -> list[list[int]]:
        """The tokens of a prompt, and behind them those of each of its answers.

        A token that begins in the prompt and ends in an answer is the answer's, which would lack its start otherwise.

        :param ids: the prompt alone, then with each answer.
        """
        prompt, *wholes = (self._one_start(item) for item in ids)
        start = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, zip(prompt, *wholes, strict=False)))
        return [prompt[:start], *(self._ended(whole[start:]) for whole in wholes)]

    def _ended(self, ids: list[int]) -> list[int]:
        return ids if ids[-1:] == [self.end] else [*ids, self.end]


def length_of(row: Flat) -> int:
    """The characters of a row that are tokenised, or the tokens that it has already."""
    return len(row.input_ids) if isinstance(row, TokenisedRow) else sum([len(text) for text, _ in _texts(row)])


def _texts(row: Flat) -> list[tuple[str, bool]]:
    """The texts that a row needs to have tokenised, each with whether nothing is put around it."""
    match row:
        case TokenisedRow():
            return []
        case Pair():
            return [(text, False) for text in (row.prompt, row.prompt + row.chosen, row.prompt + row.rejected)]
        case Unpaired():
            return [(text, False) for text in (row.prompt, row.prompt + row.completion)]
        case _:
            return [(segment.text, segment.bare) for segment in row]
