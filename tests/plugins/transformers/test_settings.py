"""How many steps a config makes, and when something happens between them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from ftk.reporter import Reporter
from ftk_transformers.arguments import argument_values
from ftk_transformers.command import CommandError
from ftk_transformers.device import Device
from ftk_transformers.model import load_model
from ftk_transformers.settings import Settings
from ftk_transformers.settings.schedule import Interval


@pytest.fixture
def settings(make_job: Callable[..., Any]) -> Callable[..., Settings]:
    def read(**changed: Any) -> Settings:
        folder: Path = make_job("run", 1, 0, changed).folder
        return Settings.from_file(folder / "resolved.yml")

    return read


@pytest.mark.parametrize(
    ("changed", "steps"),
    [
        ({}, 3),
        ({"num_epochs": 0.5}, 2),
        ({"num_epochs": 2, "gradient_accumulation_steps": 1}, 10),
        ({"max_steps": 7}, 7),
        ({"max_steps": -1}, 3),
    ],
)
def test_steps(settings: Callable[..., Settings], changed: dict[str, Any], steps: int) -> None:
    assert settings(**changed).batches.total_steps(10) == steps


def test_no_steps_are_refused(settings: Callable[..., Settings]) -> None:
    with pytest.raises(CommandError, match="0 steps"):
        settings(num_epochs=0).batches.total_steps(10)


@pytest.mark.parametrize(
    ("interval", "steps"),
    [
        (Interval(None, None), 10),
        (Interval(None, 4), 3),
        (Interval(7, None), 7),
        (Interval(0, None), None),
        (Interval(None, 0), None),
        (Interval(0.1, None), 4),
        (Interval(7, None, "steps"), 7),
        (Interval(None, None, "no"), None),
        (Interval(None, None, "best"), None),
    ],
)
def test_intervals(interval: Interval, steps: int | None) -> None:
    assert interval.in_steps(10, 40) == steps


@pytest.mark.parametrize(
    ("asked", "able", "compiles", "tf32"),
    [("auto", True, True, True), ("auto", False, True, None), (True, False, True, True), (None, True, False, None)],
)
def test_what_is_left_to_a_gpu_is_what_it_can_do(
    settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    asked: bool | str | None,
    able: bool,
    compiles: bool,
    tf32: bool | None,
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("ftk_transformers.device.is_torch_tf32_available", lambda: able)
    wanted = settings(bf16=False, torch_compile=asked, tf32=asked)
    values = argument_values(wanted, Device.choose(wanted, Reporter(None)), tmp_path, 10, evaluates=False)
    assert (values["torch_compile"], values["tf32"]) == (compiles, tf32)


@pytest.mark.parametrize(("autocast", "dtype"), [(True, torch.float32), (False, torch.bfloat16)])
def test_an_adapter_on_a_base_in_16_bits(make_job: Callable[..., Any], autocast: bool, dtype: torch.dtype) -> None:
    job = make_job("run", 1, 0, {"peft_autocast_adapter_dtype": autocast})
    device = Device("cpu", torch.bfloat16, "adamw_torch", "sdpa")
    tokenizer = AutoTokenizer.from_pretrained(job.base)
    model = load_model(job.base, tokenizer, Settings.from_config(job.config), device)
    assert {weight.dtype for weight in model.parameters() if weight.requires_grad} == {dtype}
