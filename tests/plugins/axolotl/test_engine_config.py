"""Of a person's config only the documented keys reach axolotl otherwise than they were written."""

from collections.abc import Callable
from typing import Any

import pytest

from ftk.config.marked_yaml import read_yaml
from ftk.plugin import Artifact, Run, StagedData
from ftk_axolotl import cpu
from ftk_axolotl.engine_config import FILE, write_engine_config
from ftk_axolotl.keys import REWRITTEN

KEYS: dict[str, Any] = {
    "test_datasets": [{"path": "data.jsonl", "type": "alpaca"}],
    "val_set_size": 0.1,
    "dataset_prepared_path": "mine",
    "plugins": ["my.Plugin"],
    "deepspeed": {"zero_optimization": {"stage": 1}},
    "auto_resume_from_checkpoints": False,
    "resume_from_checkpoint": "some/checkpoint",
    "adapter": "lora",
    "learning_rate": "2e-5",
    "optimizer": "adamw_bnb_8bit",
    "flash_attention": True,
}


@pytest.mark.parametrize("on_cpu", [False, True])
@pytest.mark.parametrize("provider", ["formats", "axolotl"])
def test_only_listed_keys_are_rewritten(provider: str, on_cpu: bool, make_run: Callable[..., Run]) -> None:
    run = make_run("run", {**KEYS, "ftk": {"engine": "axolotl", "stages": {"stage_data": provider}}})
    data = StagedData(Artifact("run", "prepared"), "0" * 64, 3, 1, 30, 10, 0)
    write_engine_config(run, data, on_cpu, resumes=True)
    given, written = run.config.values, read_yaml((run.folder / FILE).read_text(), FILE).values
    changed = {key for key in {*given, *written} - {"ftk"} if given.get(key) != written.get(key)}
    assert {"dataset_prepared_path", "plugins", "deepspeed", "auto_resume_from_checkpoints"} < changed
    assert changed - set(REWRITTEN) == (set(cpu.adapted(given)) - set(REWRITTEN) if on_cpu else set())
