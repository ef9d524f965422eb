"""The trainer of transformers, set up so that a resumed training equals an uninterrupted one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader
from transformers import Trainer, TrainingArguments

from ftk_transformers.command import CommandError
from ftk_transformers.dataset import Shuffle
from ftk_transformers.device import Device
from ftk_transformers.optimizers import create_optimizer
from ftk_transformers.packing import tokens_in
from ftk_transformers.schedulers import create_scheduler
from ftk_transformers.settings import Settings

T = TypeVar("T", bound=TrainingArguments)


class ReproducibleTrainer(Trainer):
    """A trainer whose order of rows survives a resume, with this engine's optimizers and schedulers.

    :param settings: of the training.
    :param train_dataset: the training rows or packs, with `lengths()` where they are grouped by length.
    """

    def __init__(self, settings: Settings, train_dataset: Any, **options: Any) -> None:
        super().__init__(train_dataset=train_dataset, **options)
        self.settings = settings
        self.order = order_of(train_dataset, settings)

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Batches of the training rows; the trainer calls this."""
        loader: DataLoader[Any] = DataLoader(
            self.train_dataset,  # type: ignore[arg-type]
            batch_size=self.args.train_batch_size,
            sampler=self.order,
            collate_fn=self.data_collator,
            num_workers=self.args.dataloader_num_workers,
            prefetch_factor=self.args.dataloader_prefetch_factor,
            pin_memory=self.args.dataloader_pin_memory,
        )
        prepared: DataLoader[Any] = self.accelerator.prepare(loader)
        return prepared

    def create_optimizer(self, model: Any = None) -> Optimizer:
        """Make the optimizer; the trainer calls this."""
        tuned: Any = self.model
        decayed = set(self.get_decay_parameter_names(tuned))
        optimizer = create_optimizer(tuned, decayed, self.args, self.settings.optimization)
        self.optimizer = optimizer
        return optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Optimizer | None = None) -> LRScheduler:
        """Make the scheduler; the trainer calls this."""
        stepped: Any = optimizer or self.optimizer
        scheduler = create_scheduler(stepped, self.settings.optimization, num_training_steps)
        self.lr_scheduler = scheduler  # type: ignore[assignment]
        return scheduler

    def training_step(self, model: nn.Module, inputs: dict[str, Tensor | Any], *rest: Any, **more: Any) -> Tensor:
        """Count the tokens of a batch, without its padding, and train on it."""
        packed = "attention_mask" not in inputs
        tokens = tokens_in(inputs["position_ids"]) if packed else int(inputs["attention_mask"].sum())
        self.state.num_input_tokens_seen += tokens
        return super().training_step(model, inputs, *rest, **more)


def order_of(rows: Any, settings: Settings) -> Shuffle:
    """The order in which the rows are trained."""
    batches = settings.batches
    lengths = rows.lengths() if batches.group_by_length else None
    return Shuffle(len(rows), None if batches.curriculum_sampling else batches.seed, lengths, batches.rows_per_step)


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
    weights, optimization, schedule, reporting = (
        settings.weights,
        settings.optimization,
        settings.schedule,
        settings.reporting,
    )
    steps = settings.batches.total_steps(rows)
    epoch = settings.batches.steps_per_epoch(rows)
    evaluate_every = schedule.evaluate.in_steps(epoch, steps) if evaluates else None
    return {
        "output_dir": str(output),
        "max_steps": steps,
        "per_device_train_batch_size": settings.batches.micro_batch_size,
        "per_device_eval_batch_size": settings.eval_batch_size,
        "gradient_accumulation_steps": settings.batches.accumulation,
        "activation_checkpointing": weights.gradient_checkpointing,
        "activation_checkpointing_kwargs": dict(weights.gradient_checkpointing_kwargs or {"use_reentrant": False}),
        "optim": device.optimizer,
        "adam_beta1": _or(optimization.adam_beta1, 0.9),
        "adam_beta2": _or(optimization.adam_beta2, 0.999),
        "adam_epsilon": _or(optimization.adam_epsilon, 1e-8),
        "learning_rate": optimization.learning_rate,
        "max_grad_norm": optimization.max_grad_norm,
        "neftune_noise_alpha": weights.neftune_noise_alpha or None,
        "bf16": device.dtype is torch.bfloat16,
        "fp16": device.dtype is torch.float16,
        "tf32": True if device.name == "cuda" and weights.tf32 is True else None,
        "torch_compile": device.compiles,
        "seed": settings.batches.seed,
        "logging_steps": reporting.logging_steps,
        "logging_nan_inf_filter": False,  # it would hide a training that diverged
        "include_num_input_tokens_seen": "no",  # `ReproducibleTrainer` counts them, also in packs
        "save_strategy": "steps",
        "save_steps": schedule.save.in_steps(epoch, steps) or steps,  # the last step is always saved
        "eval_strategy": "steps" if evaluate_every else "no",
        "eval_steps": evaluate_every,
        "metric_for_best_model": schedule.metric if evaluate_every and schedule.tracks_best else None,
        "greater_is_better": schedule.greater_wins,
        "remove_unused_columns": False,  # it would remove what the collator adds
        "dataloader_num_workers": reporting.dataloader_num_workers,
        "dataloader_prefetch_factor": reporting.dataloader_prefetch_factor,
        "dataloader_pin_memory": device.name == "cuda" and reporting.dataloader_pin_memory is not False,
        "disable_tqdm": True,
        "report_to": "none",
    }


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
