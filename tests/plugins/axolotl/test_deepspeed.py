"""DeepSpeed configs: found by name and by the paths that people have, and checked before a start."""

from collections.abc import Callable
from typing import Any

import pytest

from ftk.accelerator import Accelerator
from ftk.config.resolved import Config
from ftk_axolotl import deepspeed_keys
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
        ({"fp16": {"enabled": True}}, {"bf16": True}, "fp16.enabled true, but `fp16` is false"),
        ({"bf16": {"enabled": True}}, {"bf16": "auto", "fp16": True}, "bf16.enabled true, but `bf16` is false"),
        ({"gradient_accumulation_steps": 4}, {"gradient_accumulation_steps": 2}, "gradient_accumulation_steps 4"),
        ({"gradient_accumulation_steps": 4}, {}, "`gradient_accumulation_steps` is 1 where it is not set"),
        ({"gradient_accumulation_steps": 4}, {"gradient_accumulation_steps": None}, "is 1 where it is not set"),
        ({"gradient_clipping": 0.3}, {}, "`max_grad_norm` is 1.0 where it is not set"),
        ({"gradient_clipping": 0.3}, {"max_grad_norm": 0.5}, "set max_grad_norm: 0.3"),
        ({"train_micro_batch_size_per_gpu": 4}, {}, "`micro_batch_size` is 1 where it is not set"),
        ({"optimizer": {"params": {"lr": 1e-4}}}, {"learning_rate": "2e-4"}, '`learning_rate` is "2e-4"'),
        ({"optimizer": {"params": {"weight_decay": 0.1}}}, {}, "`weight_decay` is 0.0 where it is not set"),
        ({"optimizer": {"params": {"eps": 1e-6}}}, {}, "`adam_epsilon` is 1e-08 where it is not set"),
        ({"scheduler": {"params": {"warmup_max_lr": 1e-4}}}, {"learning_rate": 2e-4}, "warmup_max_lr 0.0001"),
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


@pytest.mark.parametrize(
    ("content", "keys"),
    [
        ({"gradient_clipping": 1, "gradient_accumulation_steps": 1, "train_micro_batch_size_per_gpu": 1}, {}),
        ({"gradient_clipping": 0.3}, {"max_grad_norm": 0.3}),
        ({"gradient_clipping": "auto", "train_batch_size": "auto"}, {"max_grad_norm": 0.3}),
        ({"optimizer": {"type": "AdamW", "params": {"lr": 2e-4, "eps": "auto"}}}, {"learning_rate": "2e-4"}),
        ({"optimizer": {"params": {"lr": 2e-4}}}, {}),
        ({"train_batch_size": 12, "train_micro_batch_size_per_gpu": 5}, {"auto_find_batch_size": True}),
        ({"bf16": {"enabled": True}}, {"bf16": "auto"}),
    ],
)
def test_what_fits_is_not_told(content: Any, keys: dict[str, Any], config: Callable[..., Config]) -> None:
    assert told(config(deepspeed=content, **keys)) == []


@pytest.mark.parametrize(
    ("backend", "nproc", "gpus", "whole", "fits"),
    [
        ("elsewhere", None, 0, 24, True),
        ("elsewhere", None, 0, 20, False),
        ("elsewhere", 2, 0, 16, True),
        ("elsewhere", 2, 0, 24, False),
        ("local", None, 0, 8, True),
        ("local", None, 0, 16, False),
        ("local", None, 4, 32, True),
        ("local", None, 4, 8, False),
        ("local", 2, 4, 16, True),
    ],
)
def test_the_whole_batch_is_that_of_all_processes(
    backend: str,
    nproc: int | None,
    gpus: int,
    whole: int,
    fits: bool,
    config: Callable[..., Config],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deepspeed_keys, "find_accelerator", lambda: Accelerator("cuda" if gpus else "cpu", gpus))
    made = config(deepspeed={"train_batch_size": whole}, micro_batch_size=4, gradient_accumulation_steps=2)
    block = {**made.ftk, "backend": backend, "axolotl": {**made.ftk["axolotl"], "nproc": nproc}}
    problems = told(Config({**made.values, "ftk": block}))
    assert ("train_batch_size" in "".join(problems)) is not fits


def test_nothing_is_told_without_deepspeed(config: Callable[..., Config]) -> None:
    assert told(config()) == told(config(deepspeed=None)) == []
