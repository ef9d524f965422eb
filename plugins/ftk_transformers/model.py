"""The model that is trained: read, resized, and with an adapter on it or with weights set free."""

import re
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, prepare_model_for_kbit_training
from torch import nn
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedTokenizerBase

from ftk_transformers.command import CommandError
from ftk_transformers.device import Device
from ftk_transformers.embeddings import resize, rows_for
from ftk_transformers.settings import Settings
from ftk_transformers.settings.adapter import Adapter


def load_model(base: Path, tokenizer: PreTrainedTokenizerBase, settings: Settings, device: Device) -> Any:
    """The model in the folder `base` as it is trained: an adapter alone, or its own weights.

    :param tokenizer: with the run's added tokens.
    """
    model = load_base(base, tokenizer, settings, device)
    if not settings.trains_adapter:
        _unfreeze(model, settings.weights.unfrozen_parameters)
        return model
    adapter = settings.adapter
    if device.name == "cuda" and (adapter.load_in_4bit or adapter.load_in_8bit):
        prepare: Any = prepare_model_for_kbit_training
        model = prepare(model, settings.weights.gradient_checkpointing)
    if settings.weights.gradient_checkpointing:
        model.enable_input_require_grads()  # or no gradient would find its way back through frozen weights
    upcast = adapter.peft_autocast_adapter_dtype
    if adapter.lora_model_dir:
        tuned = PeftModel.from_pretrained(
            model, adapter.lora_model_dir, is_trainable=True, autocast_adapter_dtype=upcast
        )
        # peft compares the embeddings with this model's to see whether they are to be saved.
        tuned.peft_config["default"].base_model_name_or_path = str(base)
        return tuned
    return get_peft_model(model, lora_config(model, settings), autocast_adapter_dtype=upcast)


def load_base(base: Path, tokenizer: PreTrainedTokenizerBase, settings: Settings, device: Device) -> Any:
    """The model in the folder `base`, with an embedding for each token."""
    # Weights that are trained themselves stay in float32, also where the products are in 16 bits.
    dtype = device.dtype if settings.trains_adapter else torch.float32
    model = AutoModelForCausalLM.from_pretrained(
        base, dtype=dtype, attn_implementation=device.attention, **_quantisation(settings.adapter, device)
    )
    present: Any = model.get_input_embeddings()
    rows = rows_for(len(tokenizer), present.num_embeddings, settings.weights)
    resize(model, rows, settings.weights.mean_resizing_embeddings)
    return model


def _quantisation(adapter: Adapter, device: Device) -> dict[str, Any]:
    make: Any = BitsAndBytesConfig
    if adapter.load_in_8bit:
        config = make(load_in_8bit=True)
    elif adapter.load_in_4bit:
        usual = {"bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}
        options = {**usual, "bnb_4bit_compute_dtype": device.dtype, **(adapter.bnb_config_kwargs or {})}
        config = make(load_in_4bit=True, **options)
    else:
        return {}
    return {"quantization_config": config, "device_map": {"": 0}}


def lora_config(model: nn.Module, settings: Settings) -> LoraConfig:
    """The new adapter that the settings describe, as peft has it."""
    adapter = settings.adapter
    options: dict[str, Any] = {
        "task_type": "CAUSAL_LM",
        "r": adapter.lora_r,
        "lora_alpha": adapter.lora_alpha,
        # trl compares log-probabilities, which dropout would blur.
        "lora_dropout": 0.0 if settings.preference.rl else adapter.lora_dropout,
        "target_modules": _targets(model, adapter),
        "target_parameters": _listed(adapter.lora_target_parameters),
        "modules_to_save": adapter.lora_modules_to_save,
        "fan_in_fan_out": adapter.lora_fan_in_fan_out,
        "rank_pattern": adapter.lora_rank_pattern,
        "alpha_pattern": adapter.lora_alpha_pattern,
        "use_dora": adapter.peft_use_dora,
        "use_rslora": adapter.peft_use_rslora,
        "init_lora_weights": adapter.peft_init_lora_weights,
        "layers_to_transform": adapter.peft_layers_to_transform,
        "layers_pattern": adapter.peft_layers_pattern,
        "trainable_token_indices": adapter.peft_trainable_token_indices,
        "ensure_weight_tying": adapter.peft_ensure_weight_tying,
    }
    return LoraConfig(**{name: value for name, value in options.items() if value is not None})


def _targets(model: Any, adapter: Adapter) -> list[str] | str | None:
    """What gets an adapter: every linear layer but the head, the layers named, or both."""
    named = adapter.lora_target_modules
    if not adapter.lora_target_linear:
        return named
    if not named:
        return "all-linear"
    head = model.get_output_embeddings()
    linear = {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module is not head
    }
    return sorted(linear.union(named))


def _listed(names: list[str] | str | None) -> list[str] | None:
    return [names] if isinstance(names, str) else names


def _unfreeze(model: nn.Module, patterns: list[str] | None) -> None:
    """Train only the weights whose names match one of the patterns, where there are any."""
    if patterns:
        for name, weight in model.named_parameters():
            weight.requires_grad = any(re.match(pattern, name) for pattern in patterns)
        if not any(weight.requires_grad for weight in model.parameters()):
            raise CommandError("unfrozen_parameters: no weight of this model has such a name")
