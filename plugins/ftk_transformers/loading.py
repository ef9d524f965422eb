"""Load a model to be asked, as training has left it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from ftk_transformers.embeddings import resize, rows_with
from ftk_transformers.model_folder import stored_type

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer in a folder."""
    return AutoTokenizer.from_pretrained(folder)


def load_base(base: Path, tokenizer: Any, adapter: Path | None, dtype: torch.dtype | None = None) -> Any:
    """A model with embeddings for all tokens.

    :param adapter: an adapter that is going to be put on it, which knows how many those are.
    :param dtype: of the computation; None for float32 on a CPU and the model's own on a GPU.
    """
    chosen = dtype or (stored_type(base) if DEVICE == "cuda" else torch.float32)
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=chosen, attn_implementation="sdpa")
    torch.manual_seed(0)  # embeddings that nobody trained are drawn
    resize(model, rows_with(len(tokenizer), model, adapter))
    return model


def load(base: Path, tokenizer: Any, adapter: Path | None, dtype: torch.dtype | None = None) -> Any:
    """A model to be asked, with the adapter in it, if there is one."""
    model = load_base(base, tokenizer, adapter, dtype)
    if adapter:
        # Merged, an adapter costs nothing more per token.
        model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    return model.to(DEVICE).eval()


def load_adapters(base: Path, tokenizer: Any, adapters: Sequence[Path], dtype: torch.dtype | None = None) -> Any:
    """A base with several adapters beside each other, whose names are their numbers from 0 on."""
    first, *others = adapters
    model = PeftModel.from_pretrained(load_base(base, tokenizer, first, dtype), first, adapter_name="0")
    for number, adapter in enumerate(others, 1):
        model.load_adapter(adapter, adapter_name=str(number))
    return model.to(DEVICE).eval()


def ends_of(model: Any, tokenizer: Any) -> set[int]:
    """The tokens that end a text: those of the model, and the tokenizer's, which training appends."""
    ends = model.generation_config.eos_token_id
    known = ends if isinstance(ends, list) else [ends]
    return {end for end in [*known, tokenizer.eos_token_id] if end is not None}
