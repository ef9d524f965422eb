"""Contradictions between the keys of this engine, each told at the line of the key."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ftk.plugin import Config, Problem, find_accelerator
from ftk_transformers.settings import Settings
from ftk_transformers.settings.weights import ATTENTION_FLAGS

Finding = tuple[str, str, str]
"""A key, what is wrong with it, and the remedy."""

EXCLUSIVE: Sequence[tuple[str, str]] = (
    ("save_steps", "saves_per_epoch"),
    ("eval_steps", "evals_per_epoch"),
    ("warmup_steps", "warmup_ratio"),
    ("embedding_lr", "embedding_lr_scale"),
    ("sample_packing", "group_by_length"),
    ("curriculum_sampling", "group_by_length"),
    ("load_in_8bit", "load_in_4bit"),
    ("bf16", "fp16"),
    ("float32", "fp16"),
    ("resume_from_checkpoint", "auto_resume_from_checkpoints"),
)
"""Keys of which a config sets at most one."""

NEEDED: Mapping[str, tuple[str, ...]] = {
    "load_in_8bit": ("adapter",),
    "load_in_4bit": ("adapter",),
    "lora_model_dir": ("adapter",),
    "bnb_config_kwargs": ("load_in_4bit",),
    "loraplus_lr_ratio": ("adapter",),
    "loraplus_lr_embedding": ("loraplus_lr_ratio",),
    "peft_layers_pattern": ("peft_layers_to_transform",),
    "gradient_checkpointing_kwargs": ("gradient_checkpointing",),
    "dataloader_prefetch_factor": ("dataloader_num_workers",),
    "metric_for_best_model": ("early_stopping_patience", "load_best_model_at_end", "save_strategy"),
    "greater_is_better": ("metric_for_best_model",),
    "pad_to_sequence_len": ("sequence_len",),
    "rl_beta": ("rl",),
    "dpo_loss_weights": ("dpo_loss_type",),
}
"""Keys that have no effect without one of others."""

EVALUATION = ("eval_steps", "evals_per_epoch", "eval_strategy", "early_stopping_patience", "load_best_model_at_end")
"""Keys that need held-out rows."""

OF_ADAM = {"adam_beta1": ("adam", "lion"), "adam_beta2": ("adam", "lion"), "adam_epsilon": ("adam",)}
"""Keys of some optimizers, with parts of their names."""

OF_DPO = ("dpo_loss_type", "dpo_loss_weights", "dpo_label_smoothing", "dpo_use_weighting", "rpo_alpha")
OF_KTO = ("kto_desirable_weight", "kto_undesirable_weight")
NOT_OF_PREFERENCES = ("sample_packing", "pad_to_sequence_len")


def find_problems(config: Config) -> list[Problem]:
    """Everything that contradicts itself in a config."""
    settings = Settings.from_config(config.values)
    checks = (_exclusive, _needed, _adapter, _tokens, _optimization, _evaluation, _saving, _preference)
    found = [finding for check in checks for finding in check(settings, config.values)]
    return [Problem(config.place((key,)), f"`{key}` {message}", remedy) for key, message, remedy in found]


def find_missing_gpu(config: Config) -> list[Problem]:
    """What needs CUDA and has nothing to take its place, where a run is to work on this machine without a GPU."""
    keys = [key for key in ("load_in_8bit", "load_in_4bit") if config.get(key)]
    if not keys or not config.works_here or find_accelerator().kind == "cuda":
        return []
    remedy = "run it on a GPU, or set it to false, and adapter: lora"
    return [Problem(config.place((key,)), f"`{key}` needs CUDA, which this machine has not", remedy) for key in keys]


def _exclusive(settings: Settings, values: Mapping[str, Any]) -> Iterator[Finding]:
    for first, second in EXCLUSIVE:
        if values.get(first) not in (None, False, "auto") and values.get(second) not in (None, False):
            yield second, f"contradicts `{first}`", "keep one of them"
    flags = [key for key in ("attn_implementation", *ATTENTION_FLAGS) if values.get(key)]
    for key in flags[1:]:
        yield key, f"contradicts `{flags[0]}`", "choose one attention"
    batches = settings.batches
    if batches.batch_size and batches.gradient_accumulation_steps > 1:
        yield "batch_size", "contradicts `gradient_accumulation_steps`", "keep one of them"
    elif batches.batch_size and batches.batch_size % batches.micro_batch_size:
        yield "batch_size", "is no multiple of `micro_batch_size`", "make it one"


def _needed(settings: Settings, values: Mapping[str, Any]) -> Iterator[Finding]:
    for key, others in NEEDED.items():
        if values.get(key) not in (None, False) and not any(values.get(other) for other in others):
            names = " or ".join(f"`{other}`" for other in others)
            yield key, f"has no effect without {names}", f"set {names}, or remove it"


def _adapter(settings: Settings, values: Mapping[str, Any]) -> Iterator[Finding]:
    adapter = settings.adapter
    if adapter.adapter == "qlora" and not adapter.load_in_4bit:
        yield "adapter", "is qlora, which is LoRA on weights in 4 bits", "add load_in_4bit: true, or set adapter: lora"
    if adapter.adapter and not (adapter.targets or adapter.lora_target_parameters or adapter.lora_model_dir):
        yield "adapter", "has no layers to go on", "set lora_target_linear: true or lora_target_modules"
    if adapter.lora_target_linear and isinstance(adapter.lora_target_modules, str):
        yield "lora_target_modules", "is one expression beside `lora_target_linear`", "keep one, or make it a list"
    if adapter.lora_target_parameters and adapter.lora_dropout:
        yield "lora_dropout", "cannot be applied to `lora_target_parameters`", "set it to 0"
    if adapter.lora_model_dir and not (Path(adapter.lora_model_dir) / "adapter_config.json").is_file():
        yield "lora_model_dir", "holds no adapter: its adapter_config.json is missing", "correct the path"
    if adapter.adapter and settings.weights.unfrozen_parameters:
        yield "unfrozen_parameters", "is for trainings without an adapter", "name the modules in lora_modules_to_save"


def _tokens(settings: Settings, values: Mapping[str, Any]) -> Iterator[Finding]:
    special = values.get("special_tokens") or {}
    added = {"tokens": values.get("tokens"), "special_tokens": special.get("additional_special_tokens")}
    adapter = settings.adapter
    trains_them = adapter.lora_modules_to_save or adapter.peft_trainable_token_indices or adapter.lora_model_dir
    for key, tokens in added.items():
        if tokens and adapter.adapter and not trains_them:
            message = "adds tokens whose embeddings an adapter alone does not train"
            yield key, message, "add lora_modules_to_save: [embed_tokens, lm_head]"


def _optimization(settings: Settings, values: Mapping[str, Any]) -> Iterator[Finding]:
    optimization = settings.optimization
    for key, kinds in OF_ADAM.items():
        if values.get(key) is not None and not any(kind in optimization.optimizer for kind in kinds):
            yield key, f"is not read by the optimizer {optimization.optimizer}", "remove it, or see `optim_args`"
    if optimization.cosine_min_lr_ratio is not None and optimization.lr_scheduler not in ("cosine", "rex"):
        yield "cosine_min_lr_ratio", "is for the schedulers cosine and rex", "remove it, or change lr_scheduler"
    if optimization.lr_scheduler == "constant" and optimization.warmup(1000):
        key = "warmup_ratio" if optimization.warmup_ratio else "warmup_steps"
        yield key, "has no effect with lr_scheduler: constant", "set lr_scheduler: constant_with_warmup"
    if optimization.lr_scheduler == "rex" and optimization.lr_scheduler_kwargs:
        yield "lr_scheduler_kwargs", "are not read by the scheduler rex", "remove it"


def _evaluation(settings: Settings, values: Mapping[str, Any]) -> Iterator[Finding]:
    held_out = values.get("val_set_size") or values.get("test_datasets")
    schedule = settings.schedule
    for key in EVALUATION:
        if values.get(key) not in (None, False, 0, "no") and not held_out:
            yield key, "needs rows to evaluate on, and there are none", "set val_set_size or test_datasets"
    if held_out and schedule.tracks_best and schedule.evaluate.in_steps(1, 1) is None:
        yield "eval_strategy", "leaves nothing to find the best checkpoint by", "evaluate, or keep the last one"
    if schedule.tracks_best and not settings.preference.rl and schedule.metric != "eval_loss":
        yield "metric_for_best_model", "is not measured here", "remove it: the loss on the held-out rows is compared"


def _saving(settings: Settings, values: Mapping[str, Any]) -> Iterator[Finding]:
    schedule = settings.schedule
    for kind in ("save", "eval"):
        strategy, steps = f"{kind}_strategy", f"{kind}_steps"
        if values.get(steps) and values.get(strategy) not in (None, "steps"):
            yield strategy, f"is not `steps`, but `{steps}` is set", "keep one of them"
        if values.get(f"{kind}s_per_epoch") and values.get(strategy) not in (None, "steps"):
            yield strategy, f"is not `steps`, but `{kind}s_per_epoch` is set", "keep one of them"
    if schedule.resume_from_checkpoint:
        yield "resume_from_checkpoint", "is not needed: a run finds its own checkpoints", "use `ftk run --resume RUN`"
    if schedule.auto_resume_from_checkpoints is False:
        yield "auto_resume_from_checkpoints", "cannot be switched off", "start a new run, or use `--from train`"
    if schedule.save_only_model:
        message = "would leave checkpoints that no training can go on from"
        yield "save_only_model", message, "remove it; `save_total_limit: 1` keeps the disk free"
    if not schedule.save_safetensors:
        yield "save_safetensors", "is false, but weights are always kept as safetensors", "remove it"


def _preference(settings: Settings, values: Mapping[str, Any]) -> Iterator[Finding]:
    rl = settings.preference.rl
    if rl in ("orpo", "simpo"):
        yield "rl", f"is {rl}, which this engine does not train", "use dpo, ipo or kto, or the engine axolotl"
    for keys, kinds in ((OF_DPO, ("dpo",)), (OF_KTO, ("kto",))):
        for key in keys:
            if values.get(key) not in (None, False) and rl not in kinds:
                yield key, f"has no effect without rl: {kinds[0]}", f"set rl: {kinds[0]}, or remove it"
    if rl == "kto" and settings.batches.micro_batch_size < 2:
        yield "micro_batch_size", "is 1, but KTO compares the rows of a batch", "set it to 2 or more"
    weights = settings.preference.dpo_loss_weights
    if weights and len(weights) != len(settings.preference.dpo_loss_type or ()):
        yield "dpo_loss_weights", "are not as many as the losses of `dpo_loss_type`", "give one for each"
    for key in NOT_OF_PREFERENCES:
        if rl and values.get(key):
            yield key, "is not for training on preferences", "remove it"
