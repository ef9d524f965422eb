"""Merging as a command: the merged model answers as base and adapter together do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer


def test_a_merged_model_equals_base_and_adapter(
    run_command: Callable[..., Any], tiny_model: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    target = tmp_path / "merged"
    done = run_command("merge", tiny_model, tiny_adapter, target)
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("", "")
    assert list(tmp_path.iterdir()) == [target]

    # Only rounding to the type in which the base model is stored lies between them.
    base = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    both = PeftModel.from_pretrained(base, tiny_adapter)
    expected = both.merge_and_unload().to(torch.bfloat16).state_dict()
    merged = AutoModelForCausalLM.from_pretrained(target).state_dict()
    assert merged.keys() == expected.keys()
    assert all(torch.equal(merged[name], expected[name]) for name in expected)

    for name in ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"):
        assert (target / name).read_bytes() == (tiny_model / name).read_bytes(), name
    assert AutoTokenizer.from_pretrained(target).eos_token == "</s>"
