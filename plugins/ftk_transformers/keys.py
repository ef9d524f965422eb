"""The config keys that the embedded engine's training reads, as a JSON schema; names and meanings are axolotl's."""

from collections.abc import Mapping
from typing import Any

from ftk.plugin import OUTPUT_DIR, Schema


def _number(default: float, **limits: float) -> Schema:
    return {"type": "number", "default": default, **limits}


def _whole(default: int | None, minimum: int) -> Schema:
    kinds: Any = "integer" if default is not None else ["integer", "null"]
    return {"type": kinds, "default": default, "minimum": minimum}


def _flag(default: bool) -> Schema:
    return {"type": "boolean", "default": default}


LORA_KEYS: Mapping[str, Schema] = {
    "adapter": {"enum": ["lora", None], "default": None, "description": "lora, or empty for a full fine-tune"},
    "lora_r": _whole(8, 1),
    "lora_alpha": _whole(16, 1),
    "lora_dropout": _number(0.0, minimum=0, exclusiveMaximum=1),
    "lora_target_linear": _flag(False),
    "lora_target_modules": {"type": ["array", "null"], "items": {"type": "string"}, "default": None},
}

OPTIMIZER_KEYS: Mapping[str, Schema] = {
    "optimizer": {"enum": ["adamw_torch", "adamw_torch_fused", "sgd", "adafactor"], "default": "adamw_torch"},
    "learning_rate": _number(2e-4, exclusiveMinimum=0),
    "lr_scheduler": {
        "enum": ["cosine", "linear", "constant", "constant_with_warmup", "polynomial"],
        "default": "cosine",
    },
    "warmup_steps": _whole(0, 0),
    "weight_decay": _number(0.0, minimum=0),
    "max_grad_norm": _number(1.0, exclusiveMinimum=0),
}

LENGTH_KEYS: Mapping[str, Schema] = {
    "micro_batch_size": _whole(1, 1),
    "gradient_accumulation_steps": _whole(1, 1),
    "num_epochs": _number(1, exclusiveMinimum=0),
    "max_steps": _whole(None, 1),
    "group_by_length": _flag(False),
    "seed": {"type": "integer", "minimum": 0, "default": 42},
}

TRAINING_KEYS: Mapping[str, Schema] = {
    **LORA_KEYS,
    **OPTIMIZER_KEYS,
    **LENGTH_KEYS,
    "output_dir": OUTPUT_DIR,
    "bf16": {"enum": ["auto", True, False], "default": "auto"},
    "gradient_checkpointing": _flag(False),
}

SETTINGS: Mapping[str, Schema] = {
    "eval_batch_size": _whole(None, 1),
    "logging_steps": _whole(1, 1),
    "save_steps": _whole(None, 1),
    "saves_per_epoch": _whole(None, 0),
    "save_total_limit": _whole(2, 1),
    "eval_steps": _whole(None, 1),
    "evals_per_epoch": _whole(None, 0),
}
"""Keys that do not change what comes out of a training."""
