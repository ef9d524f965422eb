"""Tiny models of several architectures, adapters of many kinds, and a way to run the commands on them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
)

SIZES: dict[str, Any] = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}

MODELS: Mapping[str, Callable[[], Any]] = {
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**SIZES, attention_bias=True)),
    "tied": lambda: LlamaForCausalLM(LlamaConfig(**SIZES, tie_word_embeddings=True)),
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(vocab_size=96, n_embd=32, n_layer=2, n_head=4)),
    "mixtral": lambda: MixtralForCausalLM(MixtralConfig(**SIZES, num_local_experts=4, initializer_range=0.3)),
}


@pytest.fixture(scope="session")
def make_base(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes a base model: `make_base(name, dtype, shard_size)`; the same one only once."""
    made: dict[tuple[str, torch.dtype, str], Path] = {}

    def make(name: str, dtype: torch.dtype = torch.float32, shard_size: str = "5GB") -> Path:
        key = (name, dtype, shard_size)
        if key not in made:
            made[key] = tmp_path_factory.mktemp(name)
            torch.manual_seed(0)
            MODELS[name]().to(dtype).save_pretrained(made[key], max_shard_size=shard_size)
            (made[key] / "modeling_own.py").write_text("# code of the model's own\n")
            (made[key] / "README.md").write_text("about the base model\n")
            (made[key] / "special_tokens_map.json").write_text('{"pad_token": "<other>"}')
        return made[key]

    return make


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    """A folder that stands for an adapted tokenizer's."""
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    (folder / "tokenizer.json").write_text("{}")
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    return folder


@pytest.fixture
def make_adapter(tmp_path: Path) -> Callable[..., Path]:
    """Makes an adapter with random weights for a base: `make_adapter(base, vocabulary, **settings)`."""

    def make(base: Path, vocabulary: int | None = None, **settings: Any) -> Path:
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        if vocabulary:
            model.resize_token_embeddings(vocabulary)
        torch.manual_seed(1)
        settings = {"r": 4, "lora_alpha": 8, "init_lora_weights": False, "task_type": "CAUSAL_LM", **settings}
        adapted = get_peft_model(model, LoraConfig(**settings))
        with torch.no_grad():  # what begins at nothing, too
            for weight in (weight for weight in adapted.parameters() if weight.requires_grad):
                weight += 0.1 * torch.randn_like(weight)
        adapted.save_pretrained(str(tmp_path / "adapter"))
        return tmp_path / "adapter"

    return make


@pytest.fixture
def run_command(tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs a command of the plugin in a process: `run_command("merge", BASE, ADAPTER, OUT, TOKENIZER)`."""

    def run(name: str, *arguments: Path | str) -> "subprocess.CompletedProcess[str]":
        argv = [sys.executable, "-m", f"ftk_merge.{name}", *map(str, arguments)]
        environment = {**os.environ, "FTK_EVENTS": str(tmp_path / "events.jsonl")}
        return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=250)

    return run


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[dict[str, Any]]]:
    """The events of a kind that commands reported, in this process or their own."""
    monkeypatch.setenv("FTK_EVENTS", str(tmp_path / "events.jsonl"))

    def read(kind: str) -> list[dict[str, Any]]:
        path = tmp_path / "events.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [event for event in map(json.loads, lines) if event["kind"] == kind]

    return read


@pytest.fixture
def merged_by_peft() -> Callable[[Path, Path, torch.dtype], dict[str, torch.Tensor]]:
    """The weights that peft makes in float32, rounded to a type."""

    def merge(base: Path, adapter: Path, dtype: torch.dtype) -> dict[str, torch.Tensor]:
        from ftk_merge.loading import load_both

        both: PeftModel = load_both(base, adapter, adapter)
        return {name: weight.to(dtype) for name, weight in both.merge_and_unload().state_dict().items()}

    return merge
