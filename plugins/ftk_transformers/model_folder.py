"""What a model folder holds beside its weights and config."""

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoConfig

from ftk.files import copy_file

TOKENIZER = (
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "*.jinja",
)
"""Names of the files of a tokenizer and its chat template, as glob patterns."""

COMPANIONS = ("generation_config.json", *TOKENIZER)
"""Names of the files that a model derived from another one shares with it."""


def copy_companions(model: Path, target: Path) -> None:
    """Copy the tokenizer, chat template and generation settings of `model` to `target`, byte by byte."""
    _copy(model, target, COMPANIONS)


def copy_tokenizer(tokenizer: Path, target: Path) -> None:
    """Copy a tokenizer and its chat template to `target`, byte by byte."""
    _copy(tokenizer, target, TOKENIZER)


def _copy(source: Path, target: Path, patterns: Sequence[str]) -> None:
    for pattern in patterns:
        for path in source.glob(pattern):
            copy_file(path, target / path.name)


def stored_type(model: Path) -> torch.dtype:
    """The type in which a model's weights are stored, as its config says."""
    stored = AutoConfig.from_pretrained(model).dtype
    return stored if isinstance(stored, torch.dtype) else torch.float32
