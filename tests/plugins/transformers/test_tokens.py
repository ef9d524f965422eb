"""Added tokens: embeddings for them, adapters that hold these, answers with them; adapters to go on from."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from ftk_transformers.embeddings import resize, rows_for, rows_with
from ftk_transformers.settings.weights import Weights

ADDED = ["<call>", "</call>", "<result>"]

SHORT = {"max_steps": 2, "group_by_length": False}


@pytest.fixture
def job(make_job: Callable[..., Any]) -> Callable[..., Any]:
    """A run whose tokenizer has three tokens more than its base model."""

    def make(name: str, **settings: Any) -> Any:
        job = make_job(name, 4, 0, {**SHORT, **settings})
        tokenizer = AutoTokenizer.from_pretrained(job.base)
        tokenizer.add_tokens(ADDED)
        tokenizer.chat_template = "{{ messages }}"
        tokenizer.save_pretrained(job.folder / "tokenizer")
        return job

    return make


def test_embeddings_are_as_many_as_wanted() -> None:
    """The key that makes them fewer is "shrink_embeddings"."""
    assert rows_for(290, 300, Weights()) == 300
    assert rows_for(303, 300, Weights()) == 303
    assert rows_for(303, 300, Weights(resize_token_embeddings_to_32x=True)) == 320
    assert rows_for(290, 300, Weights(shrink_embeddings=True)) == 290


def test_new_embeddings_begin_near_the_mean_or_anywhere(tiny_model: Path) -> None:
    """The key is "mean_resizing_embeddings"."""
    spread = {}
    for mean in (True, False):
        torch.manual_seed(0)
        model: Any = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
        before = model.get_input_embeddings().num_embeddings
        resize(model, before + 3, mean)
        weight = model.get_input_embeddings().weight
        spread[mean] = (weight[before:] - weight[:before].mean(0)).norm().item()
    assert spread[True] < spread[False] / 10


@pytest.mark.parametrize(
    "settings", [{"lora_modules_to_save": ["embed_tokens", "lm_head"]}, {"resize_token_embeddings_to_32x": True}]
)
@pytest.mark.slow
def test_an_adapter_with_new_tokens_is_trained_and_asked(
    job: Callable[..., Any], run_command: Callable[..., Any], tmp_path: Path, settings: dict[str, Any]
) -> None:
    made = job("run", **settings)
    done = made.train()
    assert (done.returncode, done.stderr) == (0, "")
    tokenizer = AutoTokenizer.from_pretrained(made.output)
    assert tokenizer.convert_tokens_to_ids(ADDED[2]) == len(tokenizer) - 1
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        assert (made.output / name).read_bytes() == (made.folder / "tokenizer" / name).read_bytes(), name

    weights = load_file(made.output / "adapter_model.safetensors")
    rows = {weight.shape[0] for name, weight in weights.items() if "embed_tokens" in name and "lora" not in name}
    assert rows == {320 if "resize_token_embeddings_to_32x" in settings else len(tokenizer)}
    base: Any = AutoModelForCausalLM.from_pretrained(made.base)
    assert {rows_with(len(tokenizer), base, made.output)} == rows
    assert rows_with(len(tokenizer), base, None) == len(tokenizer)

    (tmp_path / "prompts.jsonl").write_text(json.dumps({"prompt": "the cat <call>", "max_new_tokens": 3}))
    for adapter in (made.output, "-"):
        asked = run_command(
            "generate",
            made.base,
            made.folder / "tokenizer",
            adapter,
            tmp_path / "prompts.jsonl",
            tmp_path / "out.jsonl",
        )
        assert (asked.returncode, asked.stderr) == (0, "")
        assert json.loads((tmp_path / "out.jsonl").read_text())["tokens"] == 3


@pytest.mark.slow
def test_a_whole_model_has_the_new_tokens(job: Callable[..., Any]) -> None:
    made = job("run", adapter=None)
    done = made.train()
    assert done.returncode == 0, done.stderr
    model: Any = AutoModelForCausalLM.from_pretrained(made.output)
    assert model.config.vocab_size == len(AutoTokenizer.from_pretrained(made.output))
    assert model.get_input_embeddings().num_embeddings == model.config.vocab_size


@pytest.mark.slow
def test_a_training_goes_on_from_an_adapter(make_job: Callable[..., Any], tiny_adapter: Path) -> None:
    first = make_job("first", 8, 0, SHORT)
    assert first.train().returncode == 0
    shutil.copytree(first.output, first.folder.parent / "kept")
    settings = {"lora_model_dir": str(first.folder.parent / "kept"), "lora_target_linear": False, "lora_r": 99}
    second = make_job("second", 8, 0, {**SHORT, **settings, "learning_rate": 1e-9})
    done = second.train()
    assert (done.returncode, done.stderr) == (0, "")
    [notice] = second.events("notice")
    assert notice["message"].startswith("lora_r, ")
    before, after = (load_file(folder / "adapter_model.safetensors") for folder in (first.output, second.output))
    assert before.keys() == after.keys()
    for name, weight in before.items():
        torch.testing.assert_close(after[name], weight, atol=1e-6, rtol=0)
