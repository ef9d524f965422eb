"""For every key of this engine, something that it changes, or the line that refuses it; a new key needs a line here."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, TrainingArguments

from ftk.config.resolved import Config
from ftk_transformers.arguments import argument_values
from ftk_transformers.checks import find_problems
from ftk_transformers.command import CommandError
from ftk_transformers.device import Device
from ftk_transformers.keys import SETTINGS, TRAINING_KEYS
from ftk_transformers.model import load_base, load_model, lora_config
from ftk_transformers.rows import read_rows
from ftk_transformers.settings import Settings
from ftk_transformers.settings.optimization import GPU_OPTIMIZERS, OPTIMIZERS, SCHEDULERS
from ftk_transformers.trainer import ReproducibleTrainer

ROWS = 12

FULL = {"adapter": None}
Q_PROJ = {"lora_target_linear": False, "lora_target_modules": ["q_proj"]}
DPO = {"rl": "dpo", "lora_dropout": 0.0}
KTO = {"rl": "kto", "lora_dropout": 0.0}
HELD_OUT = {"val_set_size": 0.1}

CHANGES: Mapping[str, tuple[Mapping[str, Any], str, Any]] = {
    "adapter": ({"adapter": None}, "model.adapter", False),
    "lora_r": ({"lora_r": 3}, "lora.r", 3),
    "lora_alpha": ({"lora_alpha": 5}, "lora.lora_alpha", 5),
    "lora_dropout": ({"lora_dropout": 0.2}, "lora.lora_dropout", 0.2),
    "lora_target_linear": (Q_PROJ, "lora.target_modules", {"q_proj"}),
    "lora_target_modules": ({**Q_PROJ, "lora_target_modules": r".*\.1\..*v_proj"}, "model.adapters", 1),
    "lora_target_parameters": (
        {**Q_PROJ, "lora_dropout": 0.0, "lora_target_parameters": ["o_proj.weight"]},
        "lora.target_parameters",
        ["o_proj.weight"],
    ),
    "lora_modules_to_save": ({"lora_modules_to_save": ["lm_head"]}, "lora.modules_to_save", ["lm_head"]),
    "lora_fan_in_fan_out": ({**Q_PROJ, "lora_fan_in_fan_out": True}, "lora.fan_in_fan_out", True),
    "lora_rank_pattern": ({"lora_rank_pattern": {"v_proj": 2}}, "lora.rank_pattern", {"v_proj": 2}),
    "lora_alpha_pattern": ({"lora_alpha_pattern": {"v_proj": 2}}, "lora.alpha_pattern", {"v_proj": 2}),
    "peft_use_dora": ({"peft_use_dora": True}, "lora.use_dora", True),
    "peft_use_rslora": ({"peft_use_rslora": True}, "lora.use_rslora", True),
    "peft_init_lora_weights": ({"peft_init_lora_weights": "gaussian"}, "lora.init_lora_weights", "gaussian"),
    "peft_layers_to_transform": ({**Q_PROJ, "peft_layers_to_transform": [1]}, "model.adapters", 1),
    "peft_layers_pattern": (
        {**Q_PROJ, "peft_layers_to_transform": [1], "peft_layers_pattern": ["layers"]},
        "lora.layers_pattern",
        ["layers"],
    ),
    "peft_trainable_token_indices": (
        {"peft_trainable_token_indices": [7]},
        "lora.trainable_token_indices",
        [7],
    ),
    "peft_ensure_weight_tying": ({"peft_ensure_weight_tying": True}, "lora.ensure_weight_tying", True),
    "eager_attention": ({"eager_attention": True}, "model.attention", "eager"),
    "attn_implementation": ({"attn_implementation": "eager"}, "model.attention", "eager"),
    "sdp_attention": ({"sdp_attention": True, "eager_attention": True}, "problems", "sdp_attention"),
    "unfrozen_parameters": ({**FULL, "unfrozen_parameters": ["lm_head"]}, "model.trained", ["lm_head.weight"]),
    "resize_token_embeddings_to_32x": ({"resize_token_embeddings_to_32x": True}, "model.embeddings", 320),
    "gradient_checkpointing": ({"gradient_checkpointing": True}, "arguments.activation_checkpointing", True),
    "gradient_checkpointing_kwargs": (
        {"gradient_checkpointing": True, "gradient_checkpointing_kwargs": {"use_reentrant": True}},
        "arguments.activation_checkpointing_kwargs",
        {"use_reentrant": True},
    ),
    "neftune_noise_alpha": ({"neftune_noise_alpha": 5}, "arguments.neftune_noise_alpha", 5),
    "optimizer": ({"optimizer": "lion_32bit"}, "optimizer.class", "Lion"),
    "optim_args": ({"optimizer": "sgd", "optim_args": "momentum=0.5"}, "optimizer.momentum", 0.5),
    "adam_beta1": ({"adam_beta1": 0.5}, "optimizer.betas", (0.5, 0.999)),
    "adam_beta2": ({"adam_beta2": 0.5}, "optimizer.betas", (0.9, 0.5)),
    "adam_epsilon": ({"adam_epsilon": 1e-5}, "optimizer.eps", 1e-5),
    "weight_decay": ({"weight_decay": 0.3}, "optimizer.decays", {0.3}),
    "max_grad_norm": ({"max_grad_norm": 0.5}, "arguments.max_grad_norm", 0.5),
    "learning_rate": ({"learning_rate": 0.5}, "optimizer.rates", {0.5}),
    "embedding_lr": ({**FULL, "embedding_lr": 0.7}, "optimizer.rates", {0.7, 0.01}),
    "embedding_lr_scale": ({**FULL, "embedding_lr_scale": 2}, "optimizer.rates", {0.02, 0.01}),
    "loraplus_lr_ratio": ({"loraplus_lr_ratio": 16}, "optimizer.rates", {0.16, 0.01}),
    "loraplus_lr_embedding": (
        {
            **Q_PROJ,
            "lora_target_modules": ["embed_tokens"],
            "loraplus_lr_ratio": 2,
            "loraplus_lr_embedding": 0.3,
        },
        "optimizer.rates",
        {0.3},
    ),
    "lr_scheduler": ({"lr_scheduler": "constant"}, "rates", [0.01, 0.01, 0.01]),
    "lr_scheduler_kwargs": (
        {"lr_scheduler": "polynomial", "lr_scheduler_kwargs": {"power": 2.0, "lr_end": 0.0}},
        "rates",
        [0.01, 0.01 * 4 / 9, 0.01 / 9],
    ),
    "cosine_min_lr_ratio": (
        {"lr_scheduler": "rex", "cosine_min_lr_ratio": 1},
        "rates",
        [0.01, 0.01, 0.01],
    ),
    "warmup_steps": ({"lr_scheduler": "constant_with_warmup", "warmup_steps": 2}, "rates", [0.0, 0.005, 0.01]),
    "warmup_ratio": ({"lr_scheduler": "constant_with_warmup", "warmup_ratio": 0.7}, "rates", [0.0, 0.005, 0.01]),
    "micro_batch_size": ({"micro_batch_size": 3}, "batch.input_ids", 3),
    "gradient_accumulation_steps": ({"gradient_accumulation_steps": 3}, "arguments.max_steps", 2),
    "batch_size": (
        {"batch_size": 6, "gradient_accumulation_steps": 1},
        "arguments.gradient_accumulation_steps",
        3,
    ),
    "num_epochs": ({"num_epochs": 5}, "arguments.max_steps", 15),
    "max_steps": ({"max_steps": 7}, "arguments.max_steps", 7),
    "sequence_len": (
        {"sequence_len": 128, "pad_to_sequence_len": True, "group_by_length": False},
        "batch.width",
        128,
    ),
    "pad_to_sequence_len": ({"pad_to_sequence_len": True}, "batch.width", 2048),
    "sample_packing": ({"sample_packing": True, "group_by_length": False}, "batch.packed", True),
    "eval_sample_packing": ({"eval_sample_packing": True}, "held_out", 1),
    "group_by_length": ({"group_by_length": False}, "order.lengths", None),
    "curriculum_sampling": ({"curriculum_sampling": True, "group_by_length": False}, "order.seed", None),
    "seed": ({"seed": 8}, "order.seed", 8),
    "save_steps": ({"save_steps": 2}, "arguments.save_steps", 2),
    "saves_per_epoch": ({"saves_per_epoch": 3}, "arguments.save_steps", 1),
    "save_strategy": ({"save_strategy": "best"}, "arguments.metric_for_best_model", "eval_loss"),
    "eval_steps": ({"eval_steps": 2}, "arguments.eval_steps", 2),
    "evals_per_epoch": ({"evals_per_epoch": 3}, "arguments.eval_steps", 1),
    "eval_strategy": ({"eval_strategy": "no"}, "arguments.eval_strategy", "no"),
    "early_stopping_patience": ({"early_stopping_patience": 1}, "arguments.metric_for_best_model", "eval_loss"),
    "load_best_model_at_end": ({"load_best_model_at_end": True}, "arguments.metric_for_best_model", "eval_loss"),
    "metric_for_best_model": (
        {**DPO, "load_best_model_at_end": True, "metric_for_best_model": "rewards/accuracies"},
        "arguments.metric_for_best_model",
        "eval_rewards/accuracies",
    ),
    "greater_is_better": (
        {
            **DPO,
            "load_best_model_at_end": True,
            "metric_for_best_model": "rewards/margins",
            "greater_is_better": False,
        },
        "arguments.greater_is_better",
        False,
    ),
    "logging_steps": ({"logging_steps": 5}, "arguments.logging_steps", 5),
    "eval_batch_size": ({"eval_batch_size": 5}, "arguments.per_device_eval_batch_size", 5),
    "dataloader_num_workers": ({"dataloader_num_workers": 1}, "arguments.dataloader_num_workers", 1),
    "dataloader_prefetch_factor": (
        {"dataloader_num_workers": 1, "dataloader_prefetch_factor": 3},
        "arguments.dataloader_prefetch_factor",
        3,
    ),
    "rl": ({"rl": "orpo"}, "problems", "rl"),
    "rl_beta": ({**DPO, "rl_beta": 0.3}, "preference.beta", 0.3),
    "dpo_loss_type": ({**DPO, "dpo_loss_type": ["hinge"]}, "preference.loss_type", ["hinge"]),
    "dpo_loss_weights": (
        {**DPO, "dpo_loss_type": ["hinge", "sft"], "dpo_loss_weights": [1.0, 0.5]},
        "preference.loss_weights",
        [1.0, 0.5],
    ),
    "dpo_label_smoothing": ({**DPO, "dpo_label_smoothing": 0.1}, "preference.label_smoothing", 0.1),
    "dpo_use_weighting": ({**DPO, "dpo_use_weighting": True}, "preference.use_weighting", True),
    "rpo_alpha": ({**DPO, "rpo_alpha": 0.5}, "preference.loss_weights", [1.0, 0.5]),
    "kto_desirable_weight": ({**KTO, "kto_desirable_weight": 2.0}, "preference.desirable_weight", 2.0),
    "kto_undesirable_weight": ({**KTO, "kto_undesirable_weight": 2.0}, "preference.undesirable_weight", 2.0),
    "load_in_8bit": ({"load_in_8bit": True}, "refused", "load_in_8bit: this needs CUDA"),
    "load_in_4bit": ({"adapter": "qlora", "load_in_4bit": True}, "refused", "load_in_4bit: this needs CUDA"),
    "bnb_config_kwargs": ({"bnb_config_kwargs": {"bnb_4bit_quant_type": "fp4"}}, "problems", "bnb_config_kwargs"),
    "resume_from_checkpoint": ({"resume_from_checkpoint": "x"}, "problems", "resume_from_checkpoint"),
    "auto_resume_from_checkpoints": (
        {"auto_resume_from_checkpoints": False},
        "problems",
        "auto_resume_from_checkpoints",
    ),
    "save_only_model": ({"save_only_model": True}, "problems", "save_only_model"),
    "save_safetensors": ({"save_safetensors": False}, "problems", "save_safetensors"),
    "bf16": ({"bf16": True}, "notices", "bf16"),
    "fp16": ({"fp16": True}, "notices", "fp16"),
    "bfloat16": ({"bfloat16": True}, "notices", "bfloat16"),
    "float16": ({"float16": True}, "notices", "float16"),
    "float32": ({"float32": True, "fp16": True}, "problems", "fp16"),
    "tf32": ({"tf32": True}, "notices", "tf32"),
    "torch_compile": ({"torch_compile": True}, "notices", "torch_compile"),
    "flash_attention": ({"flash_attention": True}, "notices", "attention"),
    "flex_attention": ({"flex_attention": True}, "notices", "attention"),
    "xformers_attention": ({"xformers_attention": True}, "notices", "attention"),
    "strict": ({"strict": False}, "notices", "strict"),
    "dataloader_pin_memory": ({"dataloader_pin_memory": True}, "notices", "dataloader_pin_memory"),
}
"""By key: the config that shows its effect, where that is seen, and what is seen there."""

ELSEWHERE = {
    "output_dir": "conftest.py",
    "save_total_limit": "test_train_command.py",
    "save_first_step": "test_train_command.py",
    "lora_model_dir": "test_tokens.py",
    "shrink_embeddings": "test_tokens.py",
    "mean_resizing_embeddings": "test_tokens.py",
    "peft_autocast_adapter_dtype": "test_settings.py",
}
"""Keys whose effect is seen in tests of their own."""


class Made:
    """What this engine makes of a config, each part when it is asked for."""

    def __init__(self, job: Any, changes: Mapping[str, Any]) -> None:
        self.job = job
        self.config = Config({**job.config, "base_model": "b", **HELD_OUT, **changes})
        self.settings = Settings.from_config(self.config.values)
        self.tokenizer = AutoTokenizer.from_pretrained(job.base)
        self.told: list[str] = []

    def notice(self, message: str) -> None:
        self.told.append(message.partition(": ")[0])

    @property
    def device(self) -> Device:
        return Device.choose(self.settings, self)  # type: ignore[arg-type]

    def notices(self) -> list[str]:
        assert self.device.name == "cpu"
        return self.told

    def refused(self) -> str:
        try:
            return f"not by {self.device.name}"
        except CommandError as error:
            return str(error)

    def problems(self) -> dict[str, str]:
        return {re.match("`(.*?)`", item.message)[1]: item.message for item in find_problems(self.config)}  # type: ignore[index]

    def arguments(self) -> dict[str, Any]:
        return argument_values(self.settings, self.device, self.job.output, ROWS, evaluates=True)

    def load(self) -> Any:
        torch.manual_seed(0)
        return load_model(self.job.base, self.tokenizer, self.settings, self.device)

    def lora(self) -> dict[str, Any]:
        model = load_base(self.job.base, self.tokenizer, self.settings, self.device)
        return dict(lora_config(model, self.settings).__dict__)

    def model(self) -> dict[str, Any]:
        model = self.load()
        names = [name for name, weight in model.named_parameters() if weight.requires_grad]
        return {
            "adapter": hasattr(model, "peft_config"),
            "adapters": sum("lora_A" in name for name in names),
            "trained": names,
            "attention": model.config._attn_implementation,
            "embeddings": model.get_input_embeddings().weight.shape[0],
        }

    def trainer(self) -> ReproducibleTrainer:
        args = TrainingArguments(**self.arguments())
        rows = read_rows(self.job.data, self.settings, self.tokenizer)
        parts = {"model": self.load(), "data_collator": rows.collate, "eval_dataset": rows.evaluation}
        return ReproducibleTrainer(self.settings, rows.train, args=args, **parts)

    def optimizer(self) -> dict[str, Any]:
        optimizer = self.trainer().create_optimizer()
        groups = optimizer.param_groups
        return {
            "class": type(optimizer).__name__,
            "rates": {round(group["lr"], 6) for group in groups},
            "decays": {group["weight_decay"] for group in groups},
            **optimizer.defaults,
        }

    def rates(self) -> list[float]:
        trainer = self.trainer()
        optimizer = trainer.create_optimizer()
        scheduler = trainer.create_scheduler(3, optimizer)
        rates = []
        for _ in range(3):
            rates.append(pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-9))
            optimizer.step()
            scheduler.step()
        return rates

    def batch(self) -> dict[str, Any]:
        batch = next(iter(self.trainer().get_train_dataloader()))
        rows, width = batch["input_ids"].shape
        return {"input_ids": rows, "width": width, "packed": "position_ids" in batch}

    def held_out(self) -> int:
        return len(read_rows(self.job.data, self.settings, self.tokenizer).evaluation)  # type: ignore[arg-type]

    def order(self) -> dict[str, Any]:
        return dict(vars(self.trainer().order))

    def preference(self) -> dict[str, Any]:
        from ftk_transformers.preferences import preference_values

        return preference_values(self.settings.preference)

    def at(self, place: str) -> Any:
        """What is seen at a place such as `lora.r`."""
        part, _, name = place.partition(".")
        value = getattr(self, part)()
        return value[name] if name else value


def test_every_key_has_its_test() -> None:
    assert {*TRAINING_KEYS, *SETTINGS} == {*CHANGES, *ELSEWHERE}
    for key, file in ELSEWHERE.items():
        assert f'"{key}"' in (Path(__file__).parent / file).read_text(), key


@pytest.mark.parametrize("key", CHANGES)
def test_a_key_has_an_effect(key: str, make_job: Callable[..., Any]) -> None:
    changes, place, expected = CHANGES[key]
    job = make_job("run", ROWS, 4, {})
    changed, plain = Made(job, changes), Made(job, {name: value for name, value in changes.items() if name != key})
    if place in ("problems", "notices", "refused"):
        assert expected in changed.at(place)
        assert expected not in plain.at(place)
    else:
        assert changed.at(place) == expected
        assert plain.at(place) != expected
        assert not changed.problems()


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, *GPU_OPTIMIZERS])
def test_every_optimizer_or_its_kin_makes_a_step(optimizer: str, make_job: Callable[..., Any]) -> None:
    made = Made(make_job("run", ROWS, 4, {}), {"optimizer": optimizer, "weight_decay": 0.1})
    assert ("optimizer" in made.notices()) == (optimizer in GPU_OPTIMIZERS)
    trainer = made.trainer()
    trained = [weight for weight in trainer.model.parameters() if weight.requires_grad]  # type: ignore[union-attr]
    before = [weight.detach().clone() for weight in trained]
    for weight in trained:
        weight.grad = torch.ones_like(weight)
    trainer.create_optimizer().step()
    assert all((weight < old).any() for weight, old in zip(trained, before, strict=True))


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_scheduler_makes_steps(scheduler: str, make_job: Callable[..., Any]) -> None:
    needed = {"cosine_with_min_lr": {"min_lr_rate": 0.1}, "warmup_stable_decay": {"num_decay_steps": 1}}
    changes = {"lr_scheduler": scheduler, "lr_scheduler_kwargs": needed.get(scheduler), "warmup_steps": 1}
    rates = Made(make_job("run", ROWS, 4, {}), changes).rates()
    assert len(rates) == 3
    assert max(rate.expected for rate in rates) == pytest.approx(0.01, rel=0.3)
