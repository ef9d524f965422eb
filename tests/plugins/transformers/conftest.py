"""A tiny model, tiny data and a way to run the engine's commands on them."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from ftk_transformers.keys import SETTINGS, TRAINING_KEYS

SENTENCES = ["the cat sat on the mat", "a dog ran over the hill", "SELECT name FROM people WHERE age > 3"]
END = "</s>"

DEFAULTS = {name: schema["default"] for name, schema in {**TRAINING_KEYS, **SETTINGS}.items()}

CONFIG: dict[str, Any] = {
    **DEFAULTS,
    "base_model": "acme/tiny",
    "adapter": "lora",
    "lora_r": 4,
    "lora_alpha": 8,
    "lora_dropout": 0.1,
    "lora_target_linear": True,
    "micro_batch_size": 2,
    "gradient_accumulation_steps": 2,
    "learning_rate": 0.01,
    "group_by_length": True,
    "seed": 7,
    "save_total_limit": 99,
}
"""A resolved config, as far as training looks at it."""


@dataclass(frozen=True)
class Job:
    """A run folder with what training takes beside it.

    :param folder: the run's folder.
    :param data: the folder with `train.parquet`.
    :param base: the base model's folder.
    :param config: what resolved.yml holds.
    """

    folder: Path
    data: Path
    base: Path
    config: Mapping[str, Any]

    @property
    def tokenizer(self) -> Path:
        """The run's tokenizer; the base model's, where a test does not put another one there."""
        own = self.folder / "tokenizer"
        return own if own.exists() else self.base

    @property
    def output(self) -> Path:
        return self.folder / str(self.config["output_dir"])

    @property
    def argv(self) -> list[str]:
        return [
            sys.executable,
            "-m",
            "ftk_transformers.train",
            *map(str, (self.folder, self.data, self.base, self.tokenizer)),
        ]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "FTK_EVENTS": str(self.folder / "events.jsonl")}

    def train(self) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(self.argv, env=self.environment, capture_output=True, text=True, timeout=280)

    def train_until(self, step: int, number: int) -> int:
        """Start a training, send it a signal once it has reported a step, and return its exit code."""
        with subprocess.Popen(self.argv, env=self.environment, stdout=subprocess.DEVNULL) as process:
            while not any(event["step"] >= step for event in self.events("metrics")):
                assert process.poll() is None, "the training ended before it could be stopped"
                time.sleep(0.002)
            process.send_signal(number)
            return process.wait(240)

    def events(self, kind: str) -> list[dict[str, Any]]:
        path = self.folder / "events.jsonl"
        lines = path.read_text().split("\n")[:-1] if path.exists() else []  # the last one may be half-written
        return [event for event in map(json.loads, lines) if event["kind"] == kind]


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two layers with random weights, stored in bfloat16, and its tokenizer."""
    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=[END], initial_alphabet=alphabet)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    fast: Any = PreTrainedTokenizerFast
    fast(tokenizer_object=tokenizer, eos_token=END, pad_token=END).save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=0,
        initializer_range=0.3,  # so that different prompts get different answers
    )
    LlamaForCausalLM(config).bfloat16().save_pretrained(folder)
    return folder


def write_rows(path: Path, count: int) -> None:
    """Rows of random tokens and lengths, of which the second half is trained."""
    chance = random.Random(count)
    ids = [[chance.randrange(1, 250) for _ in range(chance.randrange(8, 60))] for _ in range(count)]
    labels = [[-100] * (len(row) // 2) + row[len(row) // 2 :] for row in ids]
    columns = {
        "input_ids": pa.array(ids, pa.list_(pa.int32())),
        "attention_mask": pa.array([[1] * len(row) for row in ids], pa.list_(pa.int8())),
        "labels": pa.array(labels, pa.list_(pa.int32())),
    }
    pq.write_table(pa.table(columns), path)


@pytest.fixture
def make_job(tmp_path: Path, tiny_model: Path) -> Callable[..., Job]:
    """Makes a run folder: `make_job(name, rows, evaluation_rows, settings)`."""

    def make(name: str, rows: int, evaluation: int, settings: Mapping[str, Any]) -> Job:
        job = Job(tmp_path / name, tmp_path / f"{name}-data", tiny_model, {**CONFIG, **settings})
        job.folder.mkdir()
        job.data.mkdir()
        (job.folder / "resolved.yml").write_text(yaml.safe_dump(job.config))
        write_rows(job.data / "train.parquet", rows)
        if evaluation:
            write_rows(job.data / "eval.parquet", evaluation)
        return job

    return make


@pytest.fixture(scope="session")
def run_command() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs a command of the engine: `run_command("merge", MODEL, ADAPTER, OUT)`."""

    def run(name: str, *arguments: Path | str, **variables: str) -> "subprocess.CompletedProcess[str]":
        argv = [sys.executable, "-m", f"ftk_transformers.{name}", *map(str, arguments)]
        environment = {**os.environ, **variables}
        return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=280)

    return run


@pytest.fixture(scope="session")
def tiny_adapter(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """An adapter of the tiny model that changes its answers."""
    folder = tmp_path_factory.mktemp("adapter")
    torch.manual_seed(1)
    config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    get_peft_model(AutoModelForCausalLM.from_pretrained(tiny_model), config).save_pretrained(str(folder))
    return folder
