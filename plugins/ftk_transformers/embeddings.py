"""As many embeddings as the tokenizer has tokens, where a config added some."""

import logging
import warnings
from pathlib import Path
from typing import Any

from safetensors import safe_open

from ftk_transformers.settings.weights import Weights

LIBRARY = logging.getLogger("transformers.modeling_utils")

ADAPTER_WEIGHTS = "adapter_model.safetensors"


def rows_for(tokens: int, present: int, settings: Weights) -> int:
    """How many embeddings a model is trained with.

    :param tokens: of the tokenizer.
    :param present: embeddings that the base model has; often more than tokens, which stays so unless told.
    """
    wanted = -(-tokens // 32) * 32 if settings.resize_token_embeddings_to_32x else tokens
    return wanted if settings.shrink_embeddings else max(wanted, present)


def rows_with(tokens: int, model: Any, adapter: Path | None) -> int:
    """How many embeddings a model had when its adapter was trained, as far as the adapter knows; else enough for all.

    :param model: the base model.
    :param adapter: the adapter's folder.
    """
    layer = model.get_input_embeddings()
    name = next(name for name, module in model.named_modules() if module is layer)
    saved = f"base_model.model.{name}.weight"
    if adapter and (adapter / ADAPTER_WEIGHTS).exists():
        with safe_open(adapter / ADAPTER_WEIGHTS, "pt") as tensors:
            if saved in tensors.keys():  # noqa: SIM118 (it is no mapping)
                return int(tensors.get_slice(saved).get_shape()[0])
    return max(tokens, int(layer.num_embeddings))


def resize(model: Any, rows: int, mean: bool = True) -> None:
    """Give the model `rows` embeddings, where it has another number.

    :param mean: draw new ones near the mean of the old.
    """
    if rows != model.get_input_embeddings().num_embeddings:
        # One would explain what `mean` means, the other tell at each checkpoint that it saves embeddings.
        LIBRARY.setLevel(logging.ERROR)
        warnings.filterwarnings("ignore", "Setting `save_embedding_layers`")
        model.resize_token_embeddings(rows, mean_resizing=mean)
