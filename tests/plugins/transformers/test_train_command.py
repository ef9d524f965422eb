"""Training as a command: what it leaves in the run's folder, and what a kill at any moment costs."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

SAVING = {"saves_per_epoch": 1, "save_first_step": True, "save_total_limit": 2}

LONG = {"num_epochs": 4, "save_steps": 7, "save_total_limit": 2}
"""Settings for 40 rows: 40 steps, 10 an epoch; checkpoints lie within epochs, and steps between them."""


def contents(folder: Path) -> dict[str, bytes]:
    """The files directly in a folder, without the one that says where the last process started."""
    files = [path for path in folder.iterdir() if path.is_file() and path.name != "trained.json"]
    return {path.name: path.read_bytes() for path in files}


def losses(job: Any) -> list[tuple[int, float]]:
    """All training steps that were reported, with their losses, in the order of the reports."""
    return [(event["step"], event["loss"]) for event in job.events("metrics") if "loss" in event]


def test_an_adapter_is_trained_and_reported(make_job: Callable[..., Any]) -> None:
    job = make_job("run", 10, 4, {**SAVING, "num_epochs": 4, "bf16": True})
    done = job.train()
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""

    names = set(contents(job.output))
    tokenizer = {"tokenizer.json", "tokenizer_config.json"}
    assert names == {"adapter_model.safetensors", "adapter_config.json", *tokenizer}
    assert sorted(path.name for path in job.output.glob("checkpoint-*")) == ["checkpoint-12", "checkpoint-9"]
    config = (job.output / "adapter_config.json").read_text()
    assert json.loads(config)["base_model_name_or_path"] == "acme/tiny"
    assert str(job.base) not in config

    [training] = job.events("training")
    assert (training["steps"], training["start_step"], training["rows"]) == (12, 0, 10)
    assert (training["device"], training["dtype"]) == ("cpu", "float32")
    steps = [event for event in job.events("metrics") if "loss" in event]
    assert [event["step"] for event in steps] == list(range(1, 13))
    assert steps[-1]["loss"] < steps[0]["loss"]
    assert steps[-1]["seconds_left"] == 0
    assert all(event["tokens_per_second"] > 0 for event in steps)
    assert [event["step"] for event in job.events("metrics") if "eval_loss" in event] == [3, 6, 9, 12]
    assert [event["step"] for event in job.events("checkpoint")] == [1, 3, 6, 9, 12]
    assert job.events("checkpoint")[-1]["path"] == "lora-out/checkpoint-12"
    assert [event["message"].split(":")[0] for event in job.events("notice")] == ["bf16"]

    result = json.loads((job.output / "trained.json").read_text())
    assert result["train_loss"] == steps[-1]["loss"]
    assert result["eval_loss"] == job.events("metrics")[-1]["eval_loss"]
    assert result["parameters"] == training["trainable_parameters"]
    assert done.stdout.splitlines()[0].startswith("step 1/12  loss ")


def test_a_whole_model_is_stored_as_its_base_is(make_job: Callable[..., Any]) -> None:
    job = make_job("run", 8, 0, {"adapter": None, "max_steps": 3, "learning_rate": 0.001})
    done = job.train()
    assert done.returncode == 0, done.stderr
    trained, base = (AutoModelForCausalLM.from_pretrained(folder) for folder in (job.output, job.base))
    assert trained.dtype == torch.bfloat16
    assert (job.output / "config.json").read_text() == (job.base / "config.json").read_text()
    assert not torch.equal(trained.lm_head.weight, base.lm_head.weight)
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        assert (job.output / name).read_bytes() == (job.base / name).read_bytes(), name
    assert not (job.output / "training_args.bin").exists()


def test_nothing_to_train_is_one_line(make_job: Callable[..., Any]) -> None:
    done = make_job("run", 0, 0, {}).train()
    assert done.returncode == 1
    assert done.stderr == "nothing to train: the training set has no rows\n"


@pytest.mark.slow
def test_a_killed_training_ends_like_an_uninterrupted_one(make_job: Callable[..., Any]) -> None:
    whole = make_job("whole", 40, 6, LONG)
    assert whole.train().returncode == 0
    killed = make_job("killed", 40, 6, LONG)
    for step in (9, 17, 33):
        assert killed.train_until(step, signal.SIGKILL) == -signal.SIGKILL
    assert killed.train().returncode == 0

    assert contents(killed.output) == contents(whole.output)
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth"):
        ours, theirs = (job.output / "checkpoint-40" / name for job in (killed, whole))
        assert ours.read_bytes() == theirs.read_bytes(), name
    assert set(losses(killed)) == set(losses(whole))
    starts = [event["start_step"] for event in killed.events("training")]
    assert starts[0] == 0
    assert all(start and start % 7 == 0 for start in starts[1:])
    steps_after_last_start = losses(killed)[-(40 - starts[-1]) :]
    assert [step for step, _ in steps_after_last_start] == list(range(starts[-1] + 1, 41))


@pytest.mark.slow
def test_a_kill_before_the_result_is_written_costs_no_step(make_job: Callable[..., Any]) -> None:
    job = make_job("run", 10, 0, {"max_steps": 4})
    assert job.train().returncode == 0
    before = contents(job.output)
    steps = len(job.events("metrics"))
    for name in [*before, "trained.json"]:
        (job.output / name).unlink()
    assert job.train().returncode == 0
    assert contents(job.output) == before
    assert len(job.events("metrics")) == steps


@pytest.mark.slow
def test_an_incomplete_checkpoint_is_not_gone_on_from(make_job: Callable[..., Any]) -> None:
    job = make_job("run", 10, 0, {"max_steps": 6, "save_steps": 2})
    assert job.train().returncode == 0
    before = contents(job.output)
    (job.output / "checkpoint-6" / "complete.json").unlink()
    (job.output / "checkpoint-4" / "optimizer.pt").write_bytes(b"half")
    assert job.train().returncode == 0
    assert job.events("training")[-1]["start_step"] == 2
    assert contents(job.output) == before


@pytest.mark.slow
def test_a_request_to_stop_loses_nothing(make_job: Callable[..., Any]) -> None:
    whole = make_job("whole", 40, 0, LONG)
    assert whole.train().returncode == 0
    stopped = make_job("stopped", 40, 0, LONG)
    assert stopped.train_until(9, signal.SIGTERM) == 128 + signal.SIGTERM
    done = stopped.events("metrics")[-1]["step"]
    assert stopped.events("checkpoint")[-1]["step"] == done
    assert not (stopped.output / "trained.json").exists()
    assert stopped.train().returncode == 0
    assert stopped.events("training")[-1]["start_step"] == done
    assert contents(stopped.output) == contents(whole.output)
