"""The result of a training, taken from its last checkpoint."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoModelForCausalLM

from ftk.files import copy_file, write_json
from ftk_transformers.best import STATE
from ftk_transformers.model_folder import copy_companions, copy_tokenizer, stored_type

RESULT = "trained.json"
"""Written last: what was trained, in numbers."""


def export_adapter(checkpoint: Path, output: Path, tokenizer: Path) -> None:
    """Copy the adapter of a checkpoint to the folder `output`, with the tokenizer that it was trained with."""
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        copy_file(checkpoint / name, output / name)
    copy_tokenizer(tokenizer, output)


def export_model(checkpoint: Path, output: Path, base: Path, tokenizer: Path) -> None:
    """Write the model of a checkpoint to the folder `output`, stored as the model in the folder `base` is."""
    # The checkpoint's own config has the cache switched off, for training.
    config = AutoConfig.from_pretrained(base)
    trained = AutoConfig.from_pretrained(checkpoint)
    config.get_text_config().vocab_size = trained.get_text_config().vocab_size  # tokens may have been added
    model = AutoModelForCausalLM.from_pretrained(checkpoint, config=config, dtype=stored_type(base))
    model.save_pretrained(output)
    copy_companions(base, output)
    copy_tokenizer(tokenizer, output)


def write_result(checkpoint: Path, output: Path, about: Mapping[str, Any]) -> None:
    """Write the numbers of a finished training.

    The losses are those of the checkpoint's last steps: the trainer's own mean is wrong after a resume.

    :param checkpoint: the one that is the result.
    :param about: what the checkpoint does not know.
    """
    state = json.loads((checkpoint / STATE).read_text())
    result = {
        **about,
        "train_loss": _last(state["log_history"], "loss"),
        "eval_loss": _last(state["log_history"], "eval_loss"),
        "tokens": state["num_input_tokens_seen"],
    }
    write_json(output / RESULT, result)


def _last(history: list[dict[str, float]], name: str) -> float | None:
    """The last value of that name, None where there is none or where it is no number that JSON knows."""
    last = next((entry[name] for entry in reversed(history) if name in entry), math.nan)
    return last if math.isfinite(last) else None
