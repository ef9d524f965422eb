"""DeepSpeed configs: found by name and by the paths that people have, and checked before a start."""

from collections.abc import Callable
from typing import Any

import pytest

from ftk.config.resolved import Config
from ftk_axolotl.deepspeed import content_of, find_deepspeed_problems, in_float32, preset_names

AXOLOTLS = [
    "zero1",
    "zero1_torch_compile",
    "zero2",
    "zero2_torch_compile",
    "zero3",
    "zero3_bf16",
    "zero3_bf16_cpuoffload_all",
    "zero3_bf16_cpuoffload_params",
]
"""The names that axolotl has for its own files."""


def told(config: Config) -> list[str]:
    return [str(problem) for problem in find_deepspeed_problems(config)]


def test_every_name_of_axolotls_is_there() -> None:
    assert set(AXOLOTLS) < set(preset_names())


@pytest.mark.parametrize("name", AXOLOTLS)
@pytest.mark.parametrize("folder", ["", "deepspeed_configs/", "/workspace/axolotl/deepspeed_configs/"])
def test_presets_are_found_by_name_and_path(name: str, folder: str) -> None:
    found = content_of(f"{folder}{name}.json" if folder else name)
    assert found is not None
    assert found["zero_optimization"]["stage"] == int(name[4])


@pytest.mark.parametrize("name", preset_names())
def test_presets_are_right(name: str, config: Callable[..., Config]) -> None:
    assert told(config(deepspeed=name, bf16=True, micro_batch_size=4, gradient_accumulation_steps=2)) == []


def test_a_cpu_trains_in_float32() -> None:
    content = content_of("zero3_bf16")
    assert content
    adapted = in_float32(content)
    assert adapted["bf16"] == adapted["fp16"] == {"enabled": False}
    assert content["bf16"] == {"enabled": True}


@pytest.mark.parametrize(
    ("content", "keys", "word"),
    [
        ("zero4", {}, "there is no DeepSpeed config 'zero4'"),
        ({"zero_optimization": {"stage": 4}}, {}, "`deepspeed.zero_optimization.stage` is 4"),
        ({"zero_optimization": {"stage": "auto"}}, {}, "stage` is 'auto'"),
        ({"train_batch_size": "many"}, {}, "train_batch_size` is 'many', but must be a whole number or \"auto\""),
        ({"bf16": {"enabled": "yes"}}, {}, "`deepspeed.bf16.enabled` is 'yes'"),
        ({"bf16": {"enabled": True}}, {"bf16": False}, "bf16.enabled true, but `bf16` is false"),
        ({"fp16": {"enabled": False}}, {"fp16": True}, "fp16.enabled false, but `fp16` is true"),
        ({"bf16": {"enabled": True}, "fp16": {"enabled": True}}, {}, "enables bf16 and fp16"),
        ({"gradient_accumulation_steps": 4}, {"gradient_accumulation_steps": 2}, "gradient_accumulation_steps 4"),
        ({"train_micro_batch_size_per_gpu": 4}, {"micro_batch_size": 2}, "`micro_batch_size` is 2"),
        (
            {"train_batch_size": 16, "train_micro_batch_size_per_gpu": "auto"},
            {"micro_batch_size": 5, "gradient_accumulation_steps": 1},
            "train_batch_size 16",
        ),
        ({"zero_optimization": {"stage": 2, "offload_param": {"device": "cpu"}}}, {}, "offload_param needs ZeRO"),
    ],
)
def test_what_is_wrong_is_told(content: Any, keys: dict[str, Any], word: str, config: Callable[..., Config]) -> None:
    problems = told(config(deepspeed=content, **keys))
    assert len(problems) == 1
    assert word in problems[0]


def test_nothing_is_told_without_deepspeed(config: Callable[..., Config]) -> None:
    assert told(config()) == told(config(deepspeed=None)) == []
