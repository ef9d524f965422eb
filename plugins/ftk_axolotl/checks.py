"""Contradictions between axolotl's keys, which it refuses itself once its environment and a GPU are there."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from ftk.plugin import Config, Notice, Problem

Finding = tuple[str, str, str]
"""A key, what is wrong with it, and the remedy."""

EXCLUSIVE: Sequence[tuple[str, str]] = (
    ("save_steps", "saves_per_epoch"),
    ("eval_steps", "evals_per_epoch"),
    ("warmup_steps", "warmup_ratio"),
    ("gradient_accumulation_steps", "batch_size"),
    ("lr_groups", "loraplus_lr_ratio"),
    ("max_memory", "gpu_memory_limit"),
    ("deepspeed", "fsdp"),
    ("sample_packing", "rl"),
    ("lora_target_parameters", "lora_dropout"),
    *combinations(
        ("cut_cross_entropy", "chunked_cross_entropy", "liger_cross_entropy", "liger_fused_linear_cross_entropy"), 2
    ),
)
"""Keys of which a config sets at most one."""

NEEDED: Mapping[str, str] = {
    "load_in_8bit": "adapter",
    "load_in_4bit": "adapter",
    "peft_layers_pattern": "peft_layers_to_transform",
    "activation_offloading": "gradient_checkpointing",
    "selective_checkpointing": "gradient_checkpointing",
    "fp8_config": "fp8",
    "torch_compile_options": "torch_compile",
    "relora": "jagged_restart_steps",
}
"""Keys that are refused without another one."""

ATTENTION_FLAGS: Mapping[str, str] = {
    "xformers_attention": "xformers",
    "sage_attention": "sage",
    "flex_attention": "flex_attention",
    "flash_attention": "flash_attention_2",
    "sdp_attention": "sdpa",
    "eager_attention": "eager",
}
"""Older keys that choose an attention, with its name today."""

ATTENTION = (*ATTENTION_FLAGS.values(), "flash_attention_3", "flash_attention_4", "flash_attention_torch", "fp8")
"""The names of `attn_implementation`, beside those of kernels on the hub, which have a slash."""

MIXES_PACKED_ROWS = (None, "fp8")
"""Attention under which rows that are packed together see each other."""

EMBEDDINGS = (
    ("embed_tokens", "lm_head"),
    ("embed_in", "embed_out"),
    ("word_embeddings", "lm_head"),
    ("embeddings", "lm_head"),
)
"""What the architectures call the modules whose weights are the tokens'."""


def find_contradictions(config: Config) -> list[Problem]:
    """Everything that axolotl refuses, or that it only warns of in its log."""
    values = config.values
    checks = (_exclusive, _needed, _adapter, _tokens, _attention, _evaluation, _saving)
    found = [(Problem, finding) for check in checks for finding in check(values)]
    found += [(Notice, finding) for finding in _doubtful(values)]
    return [kind(config.place((key,)), f"`{key}` {message}", remedy) for kind, (key, message, remedy) in found]


def _exclusive(values: Mapping[str, Any]) -> Iterator[Finding]:
    for first, second in EXCLUSIVE:
        if values.get(first) and values.get(second):
            yield second, f"contradicts `{first}`", "keep one of them"


def _needed(values: Mapping[str, Any]) -> Iterator[Finding]:
    for key, other in NEEDED.items():
        if values.get(key) and not values.get(other):
            yield key, f"needs `{other}`", f"set `{other}`, or remove it"
    if values.get("batch_size") and not values.get("micro_batch_size"):
        yield "batch_size", "needs `micro_batch_size`", "set it, or gradient_accumulation_steps in its place"


def _adapter(values: Mapping[str, Any]) -> Iterator[Finding]:
    if values.get("adapter") == "qlora":
        if values.get("load_in_8bit") or values.get("gptq"):
            key = "load_in_8bit" if values.get("load_in_8bit") else "gptq"
            yield key, "contradicts `adapter: qlora`", "remove it, or set adapter: lora"
        elif not values.get("load_in_4bit"):
            remedy = "add load_in_4bit: true, or set adapter: lora"
            yield "adapter", "is qlora, which is LoRA on weights in 4 bits", remedy
    if values.get("adapter") == "lora" and values.get("load_in_8bit"):
        for key in ("lora_mlp_kernel", "lora_qkv_kernel", "lora_o_kernel"):
            if values.get(key):
                yield key, "is not for weights in 8 bits", "remove it"


def _tokens(values: Mapping[str, Any]) -> Iterator[Finding]:
    saved = set(values.get("lora_modules_to_save") or ())
    if values.get("adapter") and values.get("tokens") and not any(saved.issuperset(pair) for pair in EMBEDDINGS):
        message = "adds tokens whose embeddings an adapter alone does not train"
        yield "tokens", message, "add lora_modules_to_save: [embed_tokens, lm_head]"


def _attention(values: Mapping[str, Any]) -> Iterator[Finding]:
    chosen, flags = values.get("attn_implementation"), [key for key in ATTENTION_FLAGS if values.get(key)]
    if chosen and "/" not in chosen and chosen not in ATTENTION:
        yield "attn_implementation", f"is {chosen!r}, which axolotl does not know", f"one of {', '.join(ATTENTION)}"
    if chosen and flags:
        yield flags[0], "contradicts `attn_implementation`", "remove it, as it is the older key"
    if (
        values.get("sample_packing")
        and values.get("eval_table_size")
        and values.get("eval_sample_packing") is not False
    ):
        yield "eval_table_size", "needs held-out rows that are not packed", "set eval_sample_packing: false"


def _evaluation(values: Mapping[str, Any]) -> Iterator[Finding]:
    held_out = values.get("val_set_size") or values.get("test_datasets")
    strategy = values.get("eval_strategy") or values.get("evaluation_strategy")
    for key in ("eval_steps", "eval_strategy"):
        if values.get(key) and strategy != "no" and not held_out:
            yield key, "needs rows to evaluate on, and there are none", "set val_set_size or test_datasets"
    for key in ("eval_steps", "evals_per_epoch"):
        if values.get(key) and strategy not in (None, "steps"):
            yield key, f"contradicts `eval_strategy: {strategy}`", "keep one of them"
    save, evaluate = values.get("save_steps"), values.get("eval_steps")
    if values.get("early_stopping_patience") and not (save and evaluate and save % evaluate == 0):
        remedy = "set both, save_steps to a multiple of eval_steps"
        yield "early_stopping_patience", "needs `eval_steps` and `save_steps` that fit each other", remedy


def _saving(values: Mapping[str, Any]) -> Iterator[Finding]:
    strategy = values.get("save_strategy")
    if values.get("save_steps") and strategy not in (None, "steps"):
        yield "save_steps", f"contradicts `save_strategy: {strategy}`", "keep one of them"
    if strategy == "best" and not values.get("metric_for_best_model"):
        yield "save_strategy", "is best, which needs a measure", "set metric_for_best_model: eval_loss"


def _doubtful(values: Mapping[str, Any]) -> Iterator[Finding]:
    """What axolotl does, though hardly as it is meant."""
    if values.get("evals_per_epoch") and not (values.get("val_set_size") or values.get("test_datasets")):
        yield "evals_per_epoch", "has no effect without rows to evaluate on", "set val_set_size or test_datasets"
    flags = [name for key, name in ATTENTION_FLAGS.items() if values.get(key)]
    chosen = values.get("attn_implementation") or next(iter(flags), None)
    if values.get("sample_packing") and chosen in MIXES_PACKED_ROWS:
        message = "lets rows in one sequence see each other, as no attention that keeps them apart is chosen"
        yield "sample_packing", message, "set attn_implementation: flash_attention_2, or sdpa"
