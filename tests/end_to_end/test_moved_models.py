"""A run has the base model and the tokenizer that it began with, whatever becomes of them where they were."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ftk.testing.calls import Ftk
from ftk.testing.tiny_model import write_tiny_model

QUESTION = "what is 2 and 2?"

Trained = tuple[Ftk, Path]


@pytest.fixture
def trained(ftk: Ftk, toy_config: Path) -> Trained:
    """A finished run, and the folder of its base model."""
    model = write_tiny_model(ftk.folder / "model")
    text = toy_config.read_text().replace("toy://", str(model)).replace("prepare_model: toy", "prepare_model: models")
    toy_config.write_text(text)
    done = ftk("run", toy_config, "--set", "val_set_size=0", "--set", "max_steps=64")
    assert done.returncode == 0, done.stderr
    assert answer(ftk) == "4"
    return ftk, model


def answer(ftk: Ftk) -> str:
    """What the tuned model answers to a question of its training; the toy knows it by its token ids."""
    done = ftk("infer", "--field", f"question={QUESTION}")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def swap_letters(model: Path) -> None:
    """Give two letters each other's token."""
    tokenizer: Any = json.loads((model / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["a"], vocabulary["w"] = vocabulary["w"], vocabulary["a"]
    (model / "tokenizer.json").write_text(json.dumps(tokenizer))


def tokens_of(ftk: Ftk) -> str:
    """The rows of the run as `ftk inspect` shows them."""
    done = ftk("inspect", "latest", "--ids")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_run_needs_its_base_model_no_more_where_it_was(trained: Trained) -> None:
    ftk, model = trained
    shown = tokens_of(ftk)
    shutil.rmtree(model)
    assert answer(ftk) == "4"
    assert tokens_of(ftk) == shown
    measured = ("eval", "--data", "data.jsonl", "--rows", "1")
    for call in (measured, ("run", "--resume", "latest", "--from", "merge"), ("run", "--resume", "latest")):
        done = ftk(*call)
        assert done.returncode == 0, done.stderr


def test_a_tokenizer_that_is_edited_changes_no_run(trained: Trained) -> None:
    ftk, model = trained
    swap_letters(model)
    assert answer(ftk) == "4"
    done = ftk("run", "--resume", "latest", "--from", "train")
    assert done.returncode == 0, done.stderr
    assert answer(ftk) == "4"
    refused = ftk("run", "--resume", "latest", "--from", "prepare_model")
    assert refused.returncode == 2
    assert "has another tokenizer than the data were staged with" in refused.stderr
    again = ftk("run", "--resume", "latest", "--from", "stage_data")
    assert again.returncode == 0, again.stderr
    assert answer(ftk) == "4"


def test_without_the_cache_the_same_model_is_fetched_again_and_no_other(trained: Trained) -> None:
    ftk, model = trained
    shutil.rmtree(ftk.cache)
    assert answer(ftk) == "4"  # the merged model needs nothing more than the run
    weights = (model / "model.safetensors").read_bytes()
    (model / "model.safetensors").write_bytes(weights[:-1] + b"\0")
    refused = ftk("run", "--resume", "latest")
    assert refused.returncode == 2
    assert f"base_model {model} is another than this run began with" in refused.stderr
    (model / "model.safetensors").write_bytes(weights)
    done = ftk("run", "--resume", "latest")
    assert done.returncode == 0, done.stderr
    again = ftk("run", "--resume", "latest", "--from", "prepare_model")
    assert again.returncode == 0, again.stderr
