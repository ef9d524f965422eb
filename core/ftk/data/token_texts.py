"""What tokens say."""

from collections.abc import Sequence
from pathlib import Path

from ftk.data.tokenizer import TOKENIZER_FILE


class TokenTexts:
    """Turns token ids into text, without leaving any out.

    :param folder: holds `tokenizer.json`.
    """

    def __init__(self, folder: Path) -> None:
        # Imported here since it takes longer than `ftk --help` may.
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
        self.added = frozenset(self._tokenizer.get_added_tokens_decoder())

    def whole(self, ids: Sequence[int]) -> str:
        """The text of all of them."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False))

    def each(self, ids: Sequence[int]) -> list[str]:
        """The text of each; a character that several tokens make stands with the last of them."""
        from tokenizers.decoders import DecodeStream

        stream = DecodeStream(skip_special_tokens=False)
        return [stream.step(self._tokenizer, token) or "" for token in ids]
