"""Contradictions in a config are told before anything starts, all at once, each with the line of its key."""

import pytest

from ftk.accelerator import find_accelerator
from ftk.config.marked_yaml import read_yaml
from ftk.config.resolve import resolve
from ftk.hooks.manager import Manager
from ftk_transformers.checks import find_missing_gpu, find_problems

HEAD = "base_model: org/name\ndatasets: [{path: x.jsonl, type: alpaca}]\n"

LORA = "adapter: lora\nlora_target_linear: true\n"

CASES = [
    ("adapter: qlora\nlora_target_linear: true", "adapter", "load_in_4bit"),
    ("adapter: lora", "adapter", "lora_target_linear"),
    (f"{LORA}lora_target_modules: .*proj", "lora_target_modules", "keep one"),
    (f"{LORA}lora_model_dir: /nowhere", "lora_model_dir", "correct the path"),
    (f"{LORA}lora_dropout: 0.1\nlora_target_parameters: [w]", "lora_dropout", "0"),
    (f"{LORA}unfrozen_parameters: [lm_head]", "unfrozen_parameters", "lora_modules_to_save"),
    (f"{LORA}tokens: [<a>]", "tokens", "lora_modules_to_save"),
    (f"{LORA}special_tokens: {{additional_special_tokens: [<a>]}}", "special_tokens", "lora_modules_to_save"),
    ("load_in_8bit: true", "load_in_8bit", "adapter"),
    ("sample_packing: true\ngroup_by_length: true", "group_by_length", "keep one"),
    ("flash_attention: true\nsdp_attention: true", "flash_attention", "choose one"),
    ("batch_size: 7\nmicro_batch_size: 2", "batch_size", "make it one"),
    ("batch_size: 4\ngradient_accumulation_steps: 2", "batch_size", "keep one"),
    ("bf16: true\nfp16: true", "fp16", "keep one"),
    ("warmup_steps: 3\nwarmup_ratio: 0.1", "warmup_ratio", "keep one"),
    ("lr_scheduler: constant\nwarmup_steps: 3", "warmup_steps", "constant_with_warmup"),
    ("lr_scheduler: linear\ncosine_min_lr_ratio: 0.1", "cosine_min_lr_ratio", "change lr_scheduler"),
    ("optimizer: sgd\nadam_beta1: 0.5", "adam_beta1", "optim_args"),
    ("eval_steps: 5", "eval_steps", "val_set_size"),
    ("early_stopping_patience: 5", "early_stopping_patience", "val_set_size"),
    ("val_set_size: 0.1\nearly_stopping_patience: 2\neval_strategy: no", "eval_strategy", "evaluate"),
    (
        "val_set_size: 0.1\nload_best_model_at_end: true\nmetric_for_best_model: bleu",
        "metric_for_best_model",
        "remove it",
    ),
    ("save_steps: 5\nsaves_per_epoch: 2", "saves_per_epoch", "keep one"),
    ("save_steps: 5\nsave_strategy: epoch", "save_strategy", "keep one"),
    ("save_only_model: true", "save_only_model", "save_total_limit"),
    ("resume_from_checkpoint: x", "resume_from_checkpoint", "--resume"),
    ("rl: simpo", "rl", "dpo"),
    ("rl: kto", "micro_batch_size", "2 or more"),
    ("rl: dpo\nsample_packing: true", "sample_packing", "remove it"),
    ("rl_beta: 0.3", "rl_beta", "set `rl`"),
    ("rl: kto\nmicro_batch_size: 2\ndpo_label_smoothing: 0.1", "dpo_label_smoothing", "rl: dpo"),
    ("rl: dpo\ndpo_loss_type: [ipo]\ndpo_loss_weights: [1, 2]", "dpo_loss_weights", "each"),
]


def problems_of(text: str) -> list[tuple[str, str, str]]:
    config = resolve(read_yaml(HEAD + text, "c.yml"), [], Manager.load())
    return [(item.place, item.message, str(item.remedy)) for item in find_problems(config)]


@pytest.mark.parametrize(("text", "key", "remedy"), CASES)
def test_a_contradiction_is_told_at_its_line(text: str, key: str, remedy: str) -> None:
    [(place, message, told)] = problems_of(text)
    lines = (HEAD + text).splitlines()
    line = next((number for number, line in enumerate(lines, 1) if line.startswith(f"{key}:")), 1)
    assert place == f"c.yml:{line}"
    assert message.startswith(f"`{key}` ")
    assert remedy in told


@pytest.mark.skipif(find_accelerator().kind == "cuda", reason="this machine can do it")
def test_what_needs_a_gpu_is_told_at_once() -> None:
    text = HEAD + "adapter: qlora\nload_in_4bit: true\nlora_target_linear: true\n"
    [problem] = find_missing_gpu(resolve(read_yaml(text, "c.yml"), [], Manager.load()))
    assert (problem.place, problem.message) == ("c.yml:4", "`load_in_4bit` needs CUDA, which this machine has not")
    assert find_missing_gpu(resolve(read_yaml(HEAD, "c.yml"), [], Manager.load())) == []


def test_all_are_told_at_once() -> None:
    text = "adapter: qlora\neval_steps: 5\nsave_only_model: true\nsample_packing: true\ngroup_by_length: true\n"
    assert len(problems_of(text)) == 5  # qlora lacks 4 bits and layers to go on


@pytest.mark.parametrize(
    "text",
    [
        "",
        "adapter: qlora\nload_in_4bit: true\nlora_target_linear: true\nval_set_size: 0.1\nevals_per_epoch: 2\n",
        f"{LORA}special_tokens: {{pad_token: <pad>}}\nflash_attention: true\nbf16: auto\ntf32: true\n",
        "rl: dpo\nrl_beta: 0.2\nsave_strategy: no\nwarmup_ratio: 0.1\n",
    ],
)
def test_what_fits_together_is_left_alone(text: str) -> None:
    assert problems_of(text) == []
