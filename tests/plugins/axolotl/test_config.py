"""Configs with axolotl as their engine, read as `ftk run` reads them."""

import json
from pathlib import Path
from typing import Any

import pytest

from ftk.config.resolved import Config
from ftk.errors import ProblemsFound
from ftk.hooks.manager import Manager
from ftk.runs.create import prepare_config
from ftk_axolotl.keys import passed_on

CONFIG = """\
base_model: some/model
datasets:
  - path: data.jsonl
    type: {field_instruction: q, field_output: a, format: "{instruction}", no_input_format: "{instruction}"}
adapter: qlora
load_in_4bit: true
sample_packing: true
ftk:
  engine: axolotl
"""


def resolved(folder: Path, manager: Manager, more: str = "") -> Config:
    """The resolved config of a file with these lines more."""
    (folder / "data.jsonl").write_text('{"q": "1 + 1 = ", "a": "2"}\n')
    (folder / "config.yml").write_text(more + _needed(more) + CONFIG)
    return prepare_config(folder / "config.yml", None, [], manager)


def _needed(more: str = "") -> str:
    """The keys for which axolotl has no default, but for those in these lines."""
    needed = {"learning_rate": 1e-4, "lora_r": 8, "lora_alpha": 16}
    return "".join(f"{key}: {value}\n" for key, value in needed.items() if key not in more)


def test_keys_that_only_axolotl_has_are_known(tmp_path: Path, manager: Manager) -> None:
    assert resolved(tmp_path, manager)["sample_packing"] is True


def test_keys_go_through_as_they_are(tmp_path: Path, manager: Manager) -> None:
    given = {
        "flash_attention": True,
        "learning_rate": "2e-5",
        "lora_target_modules": ["q_proj"],
        "model_config": {"a": 1},
    }
    config = resolved(tmp_path, manager, "".join(f"{key}: {json.dumps(value)}\n" for key, value in given.items()))
    passed = passed_on(config)
    own = {"adapter": "qlora", "load_in_4bit": True, "sample_packing": True, "base_model": "some/model"}
    assert {key: passed[key] for key in (*given, *own)} == {**given, **own}
    assert "ftk" not in passed and "datasets" not in passed


def test_a_persons_own_deepspeed_config_comes_along(tmp_path: Path, manager: Manager) -> None:
    own: dict[str, Any] = {"zero_optimization": {"stage": 1}}
    (tmp_path / "own.json").write_text(json.dumps(own))
    assert resolved(tmp_path, manager, "deepspeed: own.json\n")["deepspeed"] == own


def test_the_paths_of_presets_stay(tmp_path: Path, manager: Manager) -> None:
    path = "/workspace/axolotl/deepspeed_configs/zero3_bf16.json"
    assert resolved(tmp_path, manager, f"deepspeed: {path}\n")["deepspeed"] == path


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ("deepspeed: own.json\n", "own.json is no JSON"),
        ("deepspeed: absent.json\n", "there is no DeepSpeed config 'absent.json'"),
        ("deepspeed: {zero_optimization: {stage: 7}}\n", "`deepspeed.zero_optimization.stage` is 7"),
        ("sample_paking: true\n", "did you mean `sample_packing`?"),
        ("rl: gdpo\n", "`ftk.stages.stage_data: axolotl`"),
        ("chat_template: qwen2_vl\n", "is known to axolotl alone; `--set ftk.stages.stage_data=axolotl`"),
        ("s2_attention: true\n", "`s2_attention` is no longer read by axolotl; remove it"),
        ("model_revision: main\n", "`revision_of_model` is the one"),
        ("eval_steps: 5\n", "`eval_steps` needs rows to evaluate on, and there are none; set val_set_size"),
        ("tokens: [<a>]\n", "add lora_modules_to_save: [embed_tokens, lm_head]"),
        ("learning_rate:\n", "`learning_rate` is missing, for which axolotl has no default"),
        ("lora_alpha:\n", "add it, such as `lora_alpha: 32`"),
        ("remove_unused_columns: true\nrl: kto\n", "add `remove_unused_columns: false`"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, manager: Manager, more: str, word: str) -> None:
    (tmp_path / "own.json").write_text("{")
    with pytest.raises(ProblemsFound, match=r"config\.yml:1") as raised:
        resolved(tmp_path, manager, more)
    assert word in str(raised.value)


@pytest.mark.parametrize("more", ["chat_template: jinja\n", "chat_template: chatml\nchat_template_jinja: '{{ x }}'\n"])
def test_a_template_that_is_wrong_for_everybody_is_not_told_as_axolotls(
    tmp_path: Path, manager: Manager, more: str
) -> None:
    with pytest.raises(ProblemsFound) as raised:
        resolved(tmp_path, manager, more)
    assert len(raised.value.problems) == 1


def test_types_that_only_axolotl_knows_can_go_to_it(tmp_path: Path, manager: Manager) -> None:
    text = _needed() + CONFIG.replace(CONFIG.split("\n")[3], "    type: creative_acr.load_answer")
    (tmp_path / "data.jsonl").write_text("{}\n")
    path = tmp_path / "config.yml"
    path.write_text(text)
    with pytest.raises(ProblemsFound, match=r"ftk\.stages\.stage_data=axolotl"):
        prepare_config(path, None, [], manager)
    path.write_text(text + "  stages: {stage_data: axolotl}\n")
    assert "sequence_len" not in prepare_config(path, None, [], manager).values
