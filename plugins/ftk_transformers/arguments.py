"""The settings of a training as the arguments of transformers' trainer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from transformers import TrainingArguments

from ftk_transformers.command import CommandError
from ftk_transformers.device import Device
from ftk_transformers.settings import Settings
from ftk_transformers.settings.optimization import Optimization
from ftk_transformers.settings.schedule import Schedule

T = TypeVar("T", bound=TrainingArguments)

ALWAYS: Mapping[str, Any] = {
    "logging_nan_inf_filter": False,  # it would hide a training that diverged
    "include_num_input_tokens_seen": "no",  # `ReproducibleTrainer` counts them, also in packs
    "remove_unused_columns": False,  # it would remove what the collator adds
    "disable_tqdm": True,
    "report_to": "none",
}


def checked(kind: type[T], values: Mapping[str, Any]) -> T:
    """The training arguments of these values.

    :raises CommandError: when transformers does not take one.
    """
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise CommandError(str(error).partition("\n")[0]) from error


def argument_values(settings: Settings, device: Device, output: Path, rows: int, evaluates: bool) -> dict[str, Any]:
    """The values of transformers' training arguments, by name.

    :param output: the folder for checkpoints.
    :param rows: how many rows (or packs) are trained.
    :param evaluates: whether there are rows to evaluate on.
    """
    batches, reporting = settings.batches, settings.reporting
    steps, epoch = batches.total_steps(rows), batches.steps_per_epoch(rows)
    return {
        **ALWAYS,
        **_on(device, settings),
        **_optimization(settings.optimization),
        **_schedule(settings.schedule, epoch, steps, evaluates),
        "output_dir": str(output),
        "max_steps": steps,
        "per_device_train_batch_size": batches.micro_batch_size,
        "per_device_eval_batch_size": settings.eval_batch_size,
        "gradient_accumulation_steps": batches.accumulation,
        "seed": batches.seed,
        "logging_steps": reporting.logging_steps,
        "dataloader_num_workers": reporting.dataloader_num_workers,
        "dataloader_prefetch_factor": reporting.dataloader_prefetch_factor,
    }


def _on(device: Device, settings: Settings) -> dict[str, Any]:
    weights, on_gpu = settings.weights, device.name == "cuda"
    return {
        "optim": device.optimizer,
        "bf16": device.dtype is torch.bfloat16,
        "fp16": device.dtype is torch.float16,
        "tf32": device.tf32 or None,
        "torch_compile": device.compiles,
        "activation_checkpointing": weights.gradient_checkpointing,
        "activation_checkpointing_kwargs": dict(weights.gradient_checkpointing_kwargs or {"use_reentrant": False}),
        "neftune_noise_alpha": weights.neftune_noise_alpha or None,
        "dataloader_pin_memory": on_gpu and settings.reporting.dataloader_pin_memory is not False,
    }


def _optimization(settings: Optimization) -> dict[str, Any]:
    given = {name: getattr(settings, name) for name in ("adam_beta1", "adam_beta2", "adam_epsilon")}
    return {
        **{name: value for name, value in given.items() if value is not None},
        "learning_rate": settings.learning_rate,
        "max_grad_norm": settings.max_grad_norm,
    }


def _schedule(settings: Schedule, epoch: int, steps: int, evaluates: bool) -> dict[str, Any]:
    every = settings.evaluate.in_steps(epoch, steps) if evaluates else None
    return {
        "save_strategy": "steps",
        "save_steps": settings.save.in_steps(epoch, steps) or steps,  # the last step is always saved
        "eval_strategy": "steps" if every else "no",
        "eval_steps": every,
        "metric_for_best_model": settings.metric if every and settings.tracks_best else None,
        "greater_is_better": settings.greater_wins,
    }
