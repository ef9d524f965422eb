"""What training needs to know of a resolved config, checked and typed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from ftk_transformers.command import CommandError


@dataclass(frozen=True)
class Lora:
    """The adapter that is trained on top of frozen weights."""

    r: int
    alpha: int
    dropout: float
    target_modules: list[str] | str
    """Names of the layers that get an adapter, or `all-linear`: every linear layer but the head."""

    @classmethod
    def from_mapping(cls, config: Mapping[str, Any]) -> Self:
        """Read the keys of a resolved config that describe its adapter."""
        if config["adapter"] != "lora":
            raise CommandError(f"adapter: this engine trains lora or a whole model, not {config['adapter']}")
        targets = "all-linear" if config["lora_target_linear"] else config["lora_target_modules"]
        if not targets:
            raise CommandError("adapter: lora needs lora_target_linear: true or lora_target_modules")
        return cls(config["lora_r"], config["lora_alpha"], config["lora_dropout"], targets)


@dataclass(frozen=True)
class Interval:
    """How often something happens: every so many steps, or so many times an epoch."""

    steps: int | None
    per_epoch: int | None

    def in_steps(self, steps_per_epoch: int) -> int | None:
        """The interval in steps, None for never. An epoch is the interval where the config says nothing."""
        if self.steps is not None:
            return self.steps or None
        if self.per_epoch == 0:
            return None
        return math.ceil(steps_per_epoch / (self.per_epoch or 1))


@dataclass(frozen=True)
class Settings:
    """The part of a resolved config that this engine's training obeys; the names are the config's own."""

    base_model: str
    output_dir: str
    lora: Lora | None
    """None for a full fine-tune."""
    micro_batch_size: int
    gradient_accumulation_steps: int
    eval_batch_size: int
    num_epochs: float
    max_steps: int | None
    optimizer: str
    lr_scheduler: str
    learning_rate: float
    warmup_steps: int
    weight_decay: float
    max_grad_norm: float
    group_by_length: bool
    gradient_checkpointing: bool
    bf16: bool | str
    seed: int
    logging_steps: int
    save: Interval
    save_total_limit: int | None
    evaluate: Interval

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read the resolved config at `path`, which has every key."""
        config: Mapping[str, Any] = yaml.safe_load(path.read_text())
        return cls(
            base_model=config["base_model"],
            output_dir=config["output_dir"],
            lora=Lora.from_mapping(config) if config["adapter"] else None,
            micro_batch_size=config["micro_batch_size"],
            gradient_accumulation_steps=config["gradient_accumulation_steps"],
            eval_batch_size=config["eval_batch_size"] or config["micro_batch_size"],
            num_epochs=float(config["num_epochs"]),
            max_steps=None if config["max_steps"] in (None, -1) else config["max_steps"],
            optimizer=config["optimizer"],
            lr_scheduler=config["lr_scheduler"],
            learning_rate=float(config["learning_rate"]),
            warmup_steps=config["warmup_steps"],
            weight_decay=float(config["weight_decay"]),
            max_grad_norm=float(config["max_grad_norm"]),
            group_by_length=config["group_by_length"],
            gradient_checkpointing=config["gradient_checkpointing"],
            bf16=config["bf16"],
            seed=config["seed"],
            logging_steps=config["logging_steps"],
            save=Interval(config["save_steps"], config["saves_per_epoch"]),
            save_total_limit=config["save_total_limit"],
            evaluate=Interval(config["eval_steps"], config["evals_per_epoch"]),
        )

    @property
    def rows_per_step(self) -> int:
        """Rows that one optimizer step sees."""
        return self.micro_batch_size * self.gradient_accumulation_steps

    def steps_per_epoch(self, rows: int) -> int:
        """Optimizer steps in one pass over `rows` rows; the last one may see fewer rows than the others."""
        return math.ceil(rows / self.rows_per_step)

    def total_steps(self, rows: int) -> int:
        """Optimizer steps of the whole training.

        :raises CommandError: when there is nothing to train.
        """
        if rows == 0:
            raise CommandError("nothing to train: the training set has no rows")
        by_epochs = math.ceil(self.num_epochs * self.steps_per_epoch(rows))
        steps = by_epochs if self.max_steps is None else self.max_steps
        if steps <= 0:
            raise CommandError("nothing to train: num_epochs and max_steps leave 0 steps")
        return steps
