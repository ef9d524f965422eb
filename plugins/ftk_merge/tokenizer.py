"""What a merge asks of a tokenizer, read from its files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ftk.files import read_json


def end_of(tokenizer: Path) -> int | None:
    """The number of the token that ends a text; None where the tokenizer has none."""
    token = (read_json(tokenizer / "tokenizer_config.json") or {}).get("eos_token")
    content = token["content"] if isinstance(token, dict) else token
    return next((int(item["id"]) for item in _added(tokenizer) if item["content"] == content), None)


def rows_for(tokenizer: Path) -> int:
    """How many embeddings its added tokens need; those that a config added have the highest numbers."""
    return max((int(item["id"]) + 1 for item in _added(tokenizer)), default=0)


def _added(tokenizer: Path) -> Sequence[Any]:
    added: Sequence[Any] = (read_json(tokenizer / "tokenizer.json") or {}).get("added_tokens", ())
    return added
