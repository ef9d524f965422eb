"""Contradictions that axolotl refuses are told before it is there, with the lines of the keys."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ftk.config.marked_yaml import read_yaml
from ftk.config.resolve import resolve
from ftk.errors import Notice
from ftk.hooks.manager import Manager
from ftk_axolotl.checks import find_contradictions

LORA = {"adapter": "lora", "lora_r": 4, "lora_alpha": 8}

CASES: list[tuple[dict[str, Any], str, str]] = [
    ({**LORA, "adapter": "qlora"}, "adapter", "add load_in_4bit: true"),
    ({**LORA, "adapter": "qlora", "load_in_8bit": True}, "load_in_8bit", "set adapter: lora"),
    ({**LORA, "adapter": "qlora", "gptq": True}, "gptq", "set adapter: lora"),
    ({"load_in_4bit": True}, "load_in_4bit", "set `adapter`"),
    ({**LORA, "load_in_8bit": True, "lora_mlp_kernel": True}, "lora_mlp_kernel", "remove it"),
    ({**LORA, "tokens": ["<a>"]}, "tokens", "add lora_modules_to_save: [embed_tokens, lm_head]"),
    ({**LORA, "tokens": ["<a>"], "lora_modules_to_save": ["lm_head"]}, "tokens", "lora_modules_to_save"),
    ({**LORA, "lora_target_parameters": ["w"], "lora_dropout": 0.1}, "lora_dropout", "keep one"),
    ({**LORA, "peft_layers_pattern": ["layers"]}, "peft_layers_pattern", "set `peft_layers_to_transform`"),
    ({**LORA, "relora": True}, "relora", "set `jagged_restart_steps`"),
    ({"eval_steps": 5}, "eval_steps", "set val_set_size or test_datasets"),
    ({"eval_strategy": "epoch"}, "eval_strategy", "set val_set_size or test_datasets"),
    ({"val_set_size": 0.1, "eval_steps": 5, "evals_per_epoch": 2}, "evals_per_epoch", "keep one"),
    ({"val_set_size": 0.1, "eval_steps": 5, "eval_strategy": "epoch"}, "eval_steps", "keep one"),
    ({"val_set_size": 0.1, "evals_per_epoch": 2, "eval_strategy": "epoch"}, "evals_per_epoch", "keep one"),
    ({"early_stopping_patience": 2}, "early_stopping_patience", "a multiple of eval_steps"),
    ({"save_steps": 5, "saves_per_epoch": 2}, "saves_per_epoch", "keep one"),
    ({"save_steps": 5, "save_strategy": "epoch"}, "save_steps", "keep one"),
    ({"save_strategy": "best"}, "save_strategy", "set metric_for_best_model: eval_loss"),
    ({"warmup_steps": 5, "warmup_ratio": 0.1}, "warmup_ratio", "keep one"),
    ({"batch_size": 4}, "batch_size", "gradient_accumulation_steps in its place"),
    ({"batch_size": 4, "micro_batch_size": 2, "gradient_accumulation_steps": 2}, "batch_size", "keep one"),
    ({"rl": "dpo", "sample_packing": True, "sdp_attention": True}, "rl", "keep one"),
    ({"attn_implementation": "flash"}, "attn_implementation", "flash_attention_2"),
    ({"attn_implementation": "sdpa", "flash_attention": True}, "flash_attention", "the older key"),
    (
        {"sample_packing": True, "sdp_attention": True, "eval_table_size": 3},
        "eval_table_size",
        "set eval_sample_packing: false",
    ),
    ({"activation_offloading": True}, "activation_offloading", "set `gradient_checkpointing`"),
    ({"torch_compile_options": {"shape_padding": True}}, "torch_compile_options", "set `torch_compile`"),
    ({"cut_cross_entropy": True, "liger_cross_entropy": True}, "liger_cross_entropy", "keep one"),
]
"""Keys, the one at which they are refused, and what the remedy says."""

NOTICES: list[tuple[dict[str, Any], str, str]] = [
    ({"evals_per_epoch": 2}, "evals_per_epoch", "set val_set_size or test_datasets"),
    ({"sample_packing": True}, "sample_packing", "set attn_implementation: flash_attention_2"),
    ({"sample_packing": True, "attn_implementation": "fp8"}, "sample_packing", "or sdpa"),
]
"""What axolotl takes."""

GOOD: list[dict[str, Any]] = [
    {**LORA, "adapter": "qlora", "load_in_4bit": True},
    {**LORA, "tokens": ["<a>"], "lora_modules_to_save": ["embed_tokens", "lm_head"]},
    {"tokens": ["<a>"]},
    {"val_set_size": 0.1, "eval_steps": 5, "save_steps": 10, "early_stopping_patience": 2},
    {"eval_strategy": "no"},
    {"batch_size": 4, "micro_batch_size": 2},
    {"sample_packing": True, "attn_implementation": "sdpa"},
    {"sample_packing": True, "flash_attention": True},
    {"attn_implementation": "kernels-community/flash-attn3"},
]

IN_AXOLOTL = """\
import json, sys
from axolotl.loaders.utils import check_model_config
from axolotl.utils.config import validate_config
from axolotl.utils.dict import DictDefault
from transformers import LlamaConfig
capabilities = {"bf16": True, "fp8": True, "tf32": True, "n_gpu": 1, "compute_capability": "sm_90"}
for keys in json.load(sys.stdin):
    try:
        config = validate_config(DictDefault(keys), capabilities, {"torch_version": "2.13.0"})
        check_model_config(config, LlamaConfig())
        refused = False
    except ValueError:
        refused = True
    print("refused:", json.dumps(refused))
"""


def told(keys: dict[str, Any], manager: Manager) -> list[tuple[str, str, str, bool]]:
    """The place, message and remedy of everything that is told of these keys, and whether it stops the run."""
    head = "base_model: org/name\ndatasets: [{path: x.jsonl, type: alpaca}]\nlearning_rate: 1e-4\n"
    lines = "".join(f"{key}: {json.dumps(value)}\n" for key, value in keys.items())
    config = resolve(read_yaml(f"{head}{lines}ftk: {{engine: axolotl}}\n", "c.yml"), [], manager)
    found = find_contradictions(config)
    return [(item.place, item.message, str(item.remedy), not isinstance(item, Notice)) for item in found]


@pytest.mark.parametrize(("keys", "key", "remedy"), CASES)
def test_a_contradiction_is_told_with_its_line(keys: dict[str, Any], key: str, remedy: str, manager: Manager) -> None:
    [(place, message, told_remedy, stops)] = told(keys, manager)
    assert (place, stops) == (f"c.yml:{4 + list(keys).index(key)}", True)
    assert message.startswith(f"`{key}` ") and remedy in told_remedy


@pytest.mark.parametrize(("keys", "key", "remedy"), NOTICES)
def test_what_axolotl_takes_in_vain_stops_nothing(
    keys: dict[str, Any], key: str, remedy: str, manager: Manager
) -> None:
    [(_, message, told_remedy, stops)] = told(keys, manager)
    assert not stops
    assert message.startswith(f"`{key}` ") and remedy in told_remedy


@pytest.mark.parametrize("keys", GOOD)
def test_what_fits_is_not_told(keys: dict[str, Any], manager: Manager) -> None:
    assert told(keys, manager) == []


def test_all_are_told_at_once(manager: Manager) -> None:
    keys = {**LORA, "adapter": "qlora", "eval_steps": 5, "tokens": ["<a>"]}
    assert [place for place, *_ in told(keys, manager)] == ["c.yml:4", "c.yml:8", "c.yml:7"]


@pytest.mark.slow
def test_axolotl_refuses_the_same(axolotl_python: str, tmp_path: Path) -> None:
    cases = [(keys, True) for keys, *_ in CASES] + [(keys, False) for keys, *_ in NOTICES]
    cases += [(keys, False) for keys in GOOD]
    base = {"base_model": "org/name", "datasets": [{"path": "x.jsonl"}], "val_set_size": 0, "learning_rate": 1e-4}
    asked = json.dumps([{**base, **keys} for keys, _ in cases])
    variables = {**os.environ, "AXOLOTL_DO_NOT_TRACK": "1"}
    done = subprocess.run(
        [axolotl_python, "-c", IN_AXOLOTL], input=asked, env=variables, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    answers = [line.split()[1] == "true" for line in done.stdout.splitlines() if line.startswith("refused: ")]
    assert [(keys, answer) for (keys, _), answer in zip(cases, answers, strict=True)] == cases
