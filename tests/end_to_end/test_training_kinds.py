"""Whole runs of the embedded engine that are more than plain texts: added tokens, packed rows, preferences."""

import json
from pathlib import Path

import pytest

TOKENS = {
    "tokens": ["<call>", "</call>"],
    "lora_modules_to_save": ["embed_tokens", "lm_head"],
    "sample_packing": True,
    "sequence_len": 128,
    "early_stopping_patience": 2,
    "eval_steps": 2,
    "max_steps": 6,
}

PAIRS = [
    {
        "prompt": f"{number}? ",
        "chosen": str(number),
        "rejected": "none",
        "completion": str(number),
        "label": number % 2 == 0,
    }
    for number in range(20)
]


def _config(path: Path, **changes: object) -> Path:
    import yaml

    config = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**config, **changes}))
    return path


@pytest.mark.slow
def test_a_run_with_new_tokens_and_packed_rows(ftk, tiny_config: Path) -> None:
    done = ftk("run", _config(tiny_config, **TOKENS), "--json")
    assert done.returncode == 0, done.stderr
    folder = ftk.run_folder() / "lora-out"
    for place in (folder, folder / "merged"):
        tokenizer = json.loads((place / "tokenizer.json").read_text())
        assert "<call>" in [token["content"] for token in tokenizer["added_tokens"]]
    config = json.loads((folder / "merged/config.json").read_text())
    assert config["vocab_size"] == 257 + 2
    assert json.loads(done.stdout)["scores"]


@pytest.mark.slow
@pytest.mark.parametrize("rl", ["dpo", "kto"])
def test_a_run_on_preferences(ftk, tiny_config: Path, rl: str) -> None:
    data = tiny_config.parent / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in PAIRS))
    datasets = [{"path": "data.jsonl"}]
    config = _config(tiny_config, rl=rl, datasets=datasets, max_steps=4, lora_dropout=0.0)
    done = ftk("run", config, "--json")
    assert done.returncode == 0, done.stderr
    assert [event for event in ftk.events("metrics") if "rewards/margins" in event]
    assert (ftk.run_folder() / "lora-out/merged/model.safetensors").exists()


@pytest.mark.slow
def test_a_run_goes_on_from_its_copy_of_an_adapter(ftk, tiny_config: Path) -> None:
    import torch
    from safetensors.torch import load_file

    assert ftk("run", _config(tiny_config, max_steps=2), "--until", "train").returncode == 0
    first = ftk.run_folder() / "lora-out"
    config = _config(tiny_config, max_steps=1, learning_rate=1e-9, lora_model_dir=str(first))
    done = ftk("run", config, "--until", "train")
    assert done.returncode == 0, done.stderr
    assert all(path.is_file() for path in (ftk.run_folder() / "lora_model_dir").iterdir())
    before, after = (
        load_file(folder / "adapter_model.safetensors") for folder in (first, ftk.run_folder() / "lora-out")
    )
    torch.testing.assert_close(after, before, atol=1e-6, rtol=0)
