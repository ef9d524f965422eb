"""What a model folder holds beside its weights and config."""

from pathlib import Path

import torch
from transformers import AutoConfig

from ftk.files import copy_file

COMPANIONS = (
    "generation_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "*.jinja",
)
"""Names of the files that a model derived from another one shares with it, as glob patterns."""


def copy_companions(model: Path, target: Path) -> None:
    """Copy the tokenizer, chat template and generation settings of `model` to `target`, byte by byte."""
    for pattern in COMPANIONS:
        for path in model.glob(pattern):
            copy_file(path, target / path.name)


def stored_type(model: Path) -> torch.dtype:
    """The type in which a model's weights are stored, as its config says."""
    stored = AutoConfig.from_pretrained(model).dtype
    return stored if isinstance(stored, torch.dtype) else torch.float32
