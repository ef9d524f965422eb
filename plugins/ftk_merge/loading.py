"""Whole models in memory, in float32."""

from pathlib import Path
from typing import Any

from ftk.files import read_json
from ftk_merge.adapter import WEIGHTS
from ftk_merge.command import MergeError
from ftk_merge.names import TEXT_PART
from ftk_merge.planning import INPUT_EMBEDDINGS
from ftk_merge.tensors import StoredTensor, read_header
from ftk_merge.tokenizer import rows_for


class UnknownModel(MergeError):
    """The installed transformers cannot load the model."""


def load_model(folder: Path, adapter: Path) -> Any:
    """The model in a folder, as the class that an adapter was trained on.

    :raises UnknownModel: where transformers has none that generates text; the message says for what.
    """
    import torch

    return _model_class(folder, adapter).from_pretrained(folder, dtype=torch.float32)


def load_both(base: Path, adapter: Path, tokenizer: Path) -> Any:
    """The base model with the adapter on it.

    :param tokenizer: the folder of the one that the adapter was trained with.
    """
    import torch
    from peft import PeftModel

    model = load_model(base, adapter)
    present = model.get_input_embeddings().weight.shape[0]
    rows = _saved_rows(adapter) or max(present, rows_for(tokenizer))
    if rows != present:
        torch.manual_seed(0)  # the output embeddings of tokens of which only the input was trained are drawn
        model.resize_token_embeddings(rows)
    return PeftModel.from_pretrained(model, adapter)


def _model_class(folder: Path, adapter: Path) -> Any:
    """Models with other parts than text may have two classes: one of the whole, and one of the text alone."""
    import transformers

    kind = str((read_json(folder / "config.json") or {}).get("model_type"))
    classes = (
        (transformers.AutoModelForCausalLM, transformers.MODEL_FOR_CAUSAL_LM_MAPPING),
        (transformers.AutoModelForImageTextToText, transformers.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING),
    )
    is_whole = any(f".{TEXT_PART}" in name for name in _stored(adapter))
    for found, known in classes[::-1] if is_whole else classes:
        if kind in transformers.CONFIG_MAPPING and transformers.CONFIG_MAPPING[kind] in known:
            return found
    raise UnknownModel(f"transformers has no class of models for text of the kind {kind}")


def _saved_rows(adapter: Path) -> int | None:
    """How many tokens the model had when the adapter was trained, where that is saved in it."""
    wanted = (*INPUT_EMBEDDINGS, *(name.replace(".weight", ".base_layer.weight") for name in INPUT_EMBEDDINGS))
    return next((tensor.shape[0] for name, tensor in _stored(adapter).items() if name.endswith(wanted)), None)


def _stored(adapter: Path) -> dict[str, StoredTensor]:
    return read_header(adapter / WEIGHTS) if (adapter / WEIGHTS).exists() else {}
