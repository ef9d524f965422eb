"""Training on preferences: the losses of trl, in commands that report, stop, resume and export as all others do."""

import json
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

DPO = {"rl": "dpo", "group_by_length": True, "lora_dropout": 0.0, "rl_beta": 0.5}


def write_preferences(path: Path, count: int, unpaired: bool) -> None:
    """Rows of which tokens below 100 are preferred to those above."""
    chance = random.Random(count)

    def tokens(low: int, high: int) -> list[int]:
        return [chance.randrange(low, high) for _ in range(chance.randrange(3, 12))]

    rows = []
    for number in range(count):
        texts = {"prompt": "p", "prompt_ids": tokens(1, 250)}
        good, bad = tokens(1, 100), tokens(100, 250)
        if unpaired:
            rows.append(
                {**texts, "completion": "c", "completion_ids": (good, bad)[number % 2], "label": not number % 2}
            )
        else:
            rows.append({**texts, "chosen": "c", "rejected": "r", "chosen_ids": good, "rejected_ids": bad})
    pq.write_table(pa.Table.from_pylist(rows), path)


@pytest.fixture
def make_preference_job(make_job: Callable[..., Any]) -> Callable[..., Any]:
    def make(name: str, rows: int, settings: dict[str, Any]) -> Any:
        job = make_job(name, rows, 0, {**DPO, **settings})
        for file, count in (("train.parquet", rows), ("eval.parquet", 4)):
            write_preferences(job.data / file, count, settings.get("rl") == "kto")
        return job

    return make


def rewards(job: Any, name: str) -> list[float]:
    return [event[name] for event in job.events("metrics") if name in event]


@pytest.mark.slow
@pytest.mark.parametrize("rl", ["dpo", "ipo", "kto"])
def test_the_better_answers_are_learned(make_preference_job: Callable[..., Any], rl: str) -> None:
    job = make_preference_job("run", 12, {"rl": rl, "num_epochs": 4})
    done = job.train()
    assert (done.returncode, done.stderr) == (0, "")
    margins = rewards(job, "rewards/margins")
    assert margins[0] == pytest.approx(0, abs=1e-5)
    assert margins[-1] > margins[0]
    assert len(rewards(job, "eval_rewards/margins")) == 4
    assert len(rewards(job, "loss")) == 12
    names = {path.name for path in job.output.iterdir() if path.is_file()}
    tokenizer = {"tokenizer.json", "tokenizer_config.json"}
    assert names == {"adapter_model.safetensors", "adapter_config.json", "trained.json", *tokenizer}
    assert json.loads((job.output / "trained.json").read_text())["eval_loss"] == rewards(job, "eval_loss")[-1]


@pytest.mark.slow
def test_all_weights_are_compared_with_those_of_the_base(make_preference_job: Callable[..., Any]) -> None:
    job = make_preference_job("run", 8, {"adapter": None, "max_steps": 3, "learning_rate": 1e-3})
    done = job.train()
    assert (done.returncode, done.stderr) == (0, "")
    margins = rewards(job, "rewards/margins")
    assert margins[0] == pytest.approx(0, abs=1e-5)
    assert margins[-1] > 0
    assert (job.output / "model.safetensors").exists()


@pytest.mark.slow
def test_a_killed_training_ends_like_an_uninterrupted_one(make_preference_job: Callable[..., Any]) -> None:
    whole, killed = (make_preference_job(name, 16, {"num_epochs": 3, "save_steps": 2}) for name in ("whole", "killed"))
    assert whole.train().returncode == 0
    assert killed.train_until(5, signal.SIGKILL) == -signal.SIGKILL
    assert killed.train().returncode == 0
    assert killed.events("training")[-1]["start_step"] == 4
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (killed.output / name).read_bytes() == (whole.output / name).read_bytes(), name
