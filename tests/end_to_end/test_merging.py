"""Whole runs of a tiny model whose adapters change more than its layers: merged, and compared with the base."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

TOKENS = {"tokens": ["<call>", "</call>"]}

ADAPTERS: Mapping[str, Mapping[str, Any]] = {
    "new tokens, both embeddings saved": {**TOKENS, "lora_modules_to_save": ["embed_tokens", "lm_head"]},
    "new tokens, one embedding saved": {**TOKENS, "lora_modules_to_save": ["embed_tokens"]},
    "new tokens, trained alone": {**TOKENS, "peft_trainable_token_indices": [257, 258]},
    "new tokens, one embedding saved and one adapted": {
        **TOKENS,
        "lora_target_linear": False,
        "lora_target_modules": ["embed_tokens", "q_proj"],
        "lora_modules_to_save": ["lm_head"],
    },
    "another end": {"special_tokens": {"eos_token": "<end>"}},
    "a multiple of 32": {"resize_token_embeddings_to_32x": True},
}

TIED = ("new tokens, both embeddings saved", "new tokens, trained alone")
"""Those that are tried on a model with one embedding for input and output, too."""


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "tied"), [*((kind, False) for kind in ADAPTERS), *((kind, True) for kind in TIED)])
def test_it_answers_as_base_and_adapter(kind: str, tied: bool, ftk, tiny_config: Path) -> None:
    config = yaml.safe_load(tiny_config.read_text())
    config |= {**ADAPTERS[kind], "max_steps": 2, "base_model": str(_base(Path(config["base_model"]), ftk.folder, tied))}
    tiny_config.write_text(yaml.safe_dump(config))
    done = ftk("run", tiny_config, "--set", "ftk.evaluate.rows=0")
    assert done.returncode == 0, done.stderr
    parity = json.loads((ftk.run_folder() / "stages/merge.json").read_text())["result"]["parity"]
    assert parity["ok"] is True
    assert f"parity   {parity['text']}" in done.stdout


@pytest.mark.slow
def test_a_model_that_answers_otherwise_fails_the_stage_and_is_kept(ftk, tiny_config: Path) -> None:
    less = ("--set", "max_steps=2", "--set", "ftk.evaluate.rows=0", "--set", "ftk.merge.parity=false")
    done = ftk("run", tiny_config, *less)
    assert done.returncode == 0, done.stderr
    assert "parity" not in done.stdout
    folder = ftk.run_folder()
    base = Path(yaml.safe_load(tiny_config.read_text())["base_model"])
    weights = (base / "model.safetensors").read_bytes()
    (folder / "lora-out/merged/model.safetensors").write_bytes(weights)
    manifest = json.loads((folder / "stages/merge.json").read_text())
    (folder / "stages/merge.json").write_text(json.dumps({**manifest, "result": None}))  # as a kill leaves it

    done = ftk("run", "--resume", "latest", "--set", "ftk.merge.parity=true")
    assert done.returncode == 1
    assert "the merged model answers otherwise than base and adapter: distance " in done.stderr
    assert f"`ftk run --resume {folder.name} --set ftk.merge.parity=warn` goes on" in done.stderr
    assert (folder / "lora-out/merged/model.safetensors").read_bytes() == weights

    done = ftk("run", "--resume", "latest", "--set", "ftk.merge.parity=warn")
    assert done.returncode == 0, done.stderr
    assert "note: the merged model answers otherwise" in done.stderr
    assert json.loads((folder / "stages/merge.json").read_text())["result"]["parity"]["ok"] is False


def _base(given: Path, folder: Path, tied: bool) -> Path:
    """The tiny model, or the same with one embedding for input and output."""
    if not tied:
        return given
    from transformers import AutoConfig, AutoTokenizer, LlamaForCausalLM

    config = AutoConfig.from_pretrained(given, tie_word_embeddings=True)
    LlamaForCausalLM(config).save_pretrained(folder / "tied")
    AutoTokenizer.from_pretrained(given).save_pretrained(folder / "tied")
    return folder / "tied"
