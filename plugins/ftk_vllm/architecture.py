"""What a model's config.json says of its shape, as far as a server has to know it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftk.plugin import files


@dataclass(frozen=True)
class Architecture:
    """The shape of a model; None for what its config.json does not say.

    :param heads: attention heads.
    :param groups: heads for keys and values, which several attention heads share.
    :param head_size: numbers of a head.
    :param embeddings: tokens that have one.
    :param dtype: type of the weights, such as `bfloat16`.
    """

    heads: int | None
    groups: int | None
    head_size: int | None
    embeddings: int | None
    dtype: str | None

    def largest_split(self, count: int) -> int:
        """Into how many parts at most the attention heads can be divided evenly.

        :param count: the parts that are wished for.
        """
        return next(parts for parts in range(max(count, 1), 0, -1) if self._divides(parts))

    def _divides(self, parts: int) -> bool:
        if not self.heads or not self.groups:
            return True
        # Fewer key heads than parts are copied.
        return self.heads % parts == 0 and (self.groups % parts == 0 or parts % self.groups == 0)


def read_architecture(folder: Path) -> Architecture:
    """The shape of the model in a folder."""
    config: Mapping[str, Any] = files.read_json(folder / "config.json") or {}
    text = config.get("text_config") or config  # models that also see keep their language model's there
    heads = text.get("num_attention_heads") or text.get("n_head")
    width = text.get("hidden_size") or text.get("n_embd")
    return Architecture(
        heads=heads,
        groups=text.get("num_key_value_heads") or heads,
        head_size=text.get("head_dim") or (width // heads if width and heads else None),
        embeddings=text.get("vocab_size"),
        dtype=config.get("dtype") or config.get("torch_dtype"),
    )


def tokens_of(tokenizer: Path) -> int:
    """One more than the highest token id of the tokenizer in a folder."""
    content: Mapping[str, Any] = files.read_json(tokenizer / "tokenizer.json") or {}
    vocabulary = content.get("model", {}).get("vocab") or {}
    ids = vocabulary.values() if isinstance(vocabulary, Mapping) else range(len(vocabulary))
    added = (token["id"] for token in content.get("added_tokens", ()))
    return 1 + max((*ids, *added), default=-1)
