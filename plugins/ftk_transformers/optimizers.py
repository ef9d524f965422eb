"""The optimizer of a training, with learning rates of their own for some of the weights."""

from collections.abc import Mapping
from typing import Any

import yaml
from torch import nn
from torch.optim import Optimizer
from transformers import Trainer, TrainingArguments

from ftk_transformers.command import CommandError
from ftk_transformers.lion import Lion
from ftk_transformers.settings.optimization import Optimization

LORAPLUS_EMBEDDING = 1e-6
"""The learning rate of adapters on embeddings in LoRA+, as its authors have it."""


def create_optimizer(model: Any, decayed: set[str], args: TrainingArguments, settings: Optimization) -> Optimizer:
    """The optimizer of the trainable weights of `model`.

    :param decayed: names of the weights that `weight_decay` is for.
    :raises CommandError: when its arguments do not fit or a package is missing.
    """
    groups = _groups(model, decayed, settings)
    try:
        if args.optim == "lion_32bit":
            kind, options = Lion, {"lr": args.learning_rate, "betas": (args.adam_beta1, args.adam_beta2)}
        else:
            kind, options = Trainer.get_optimizer_cls_and_kwargs(args, model)
        optimizer: Optimizer = kind(groups, **{**options, **_arguments(settings.optim_args)})
    except (ImportError, TypeError, ValueError) as error:
        raise CommandError(f"optimizer {args.optim}, optim_args: {str(error).partition(chr(10))[0]}") from error
    return optimizer


def _groups(model: Any, decayed: set[str], settings: Optimization) -> list[dict[str, Any]]:
    """The trainable weights by learning rate and decay, each group in the order of the model."""
    embeddings = {id(weight) for weight in _embedding_weights(model)}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            decay = settings.weight_decay if name in decayed else 0.0
            rate = _rate(name, weight, id(weight) in embeddings, settings)
            groups.setdefault((rate, decay), []).append(weight)
    return [{"params": weights, "lr": rate, "weight_decay": decay} for (rate, decay), weights in groups.items()]


def _embedding_weights(model: Any) -> list[nn.Parameter]:
    modules = (model.get_input_embeddings(), model.get_output_embeddings())
    return [weight for module in modules if module is not None for weight in module.parameters()]


def _rate(name: str, weight: nn.Parameter, in_embeddings: bool, settings: Optimization) -> float:
    ratio, rate = settings.loraplus_lr_ratio, settings.learning_rate
    if in_embeddings and settings.embedding_rate and "lora_" not in name:
        return settings.embedding_rate
    if ratio and "lora_embedding_" in name:
        return settings.loraplus_lr_embedding or LORAPLUS_EMBEDDING
    return rate * ratio if ratio and ("lora_B" in name or weight.ndim == 1) else rate


def _arguments(given: Mapping[str, Any] | str | None) -> Mapping[str, Any]:
    """Further arguments, from a mapping or from text such as `momentum=0.9, nesterov=true`."""
    if not isinstance(given, str):
        return given or {}
    pairs = [part.partition("=") for part in given.split(",") if part.strip()]
    return {name.strip(): _value(text.strip()) for name, _, text in pairs}


def _value(text: str) -> Any:
    try:
        return float(text) if not text.isdigit() else int(text)
    except ValueError:
        return yaml.safe_load(text)
