"""The best checkpoint is kept and exported, and a training ends when none is found any more, also after kills."""

import json
import signal
from collections.abc import Callable
from typing import Any

import pytest

STOPPING = {
    "num_epochs": 30,
    "learning_rate": 0.05,  # so that it soon learns by heart, and the held-out loss rises
    "eval_steps": 2,
    "save_steps": 3,
    "early_stopping_patience": 3,
    "save_total_limit": 1,
}


def evaluations(job: Any) -> dict[int, float]:
    """The held-out losses by step."""
    return {event["step"]: event["eval_loss"] for event in job.events("metrics") if "eval_loss" in event}


def assert_stopped_well(job: Any) -> None:
    losses = evaluations(job)
    best = min(losses, key=losses.__getitem__)
    last = max(losses)
    assert last == best + 3 * 2 < 90  # three evaluations after the best
    assert sorted(path.name for path in job.output.glob("checkpoint-*")) == sorted(
        {f"checkpoint-{best}", f"checkpoint-{last}"}
    )
    weights = (job.output / "adapter_model.safetensors").read_bytes()
    assert weights == (job.output / f"checkpoint-{best}/adapter_model.safetensors").read_bytes()
    result = json.loads((job.output / "trained.json").read_text())
    assert (result["steps"], result["eval_loss"]) == (last, losses[best])


@pytest.mark.slow
def test_a_training_stops_and_its_best_state_is_the_result(make_job: Callable[..., Any]) -> None:
    job = make_job("run", 10, 6, STOPPING)
    done = job.train()
    assert (done.returncode, done.stderr) == (0, "")
    assert_stopped_well(job)
    steps = len(job.events("metrics"))
    (job.output / "trained.json").unlink()
    assert job.train().returncode == 0  # finished already: nothing is trained again
    assert len(job.events("metrics")) == steps
    assert_stopped_well(job)


@pytest.mark.slow
def test_a_killed_training_stops_at_the_same_step(make_job: Callable[..., Any]) -> None:
    whole, killed = (make_job(name, 10, 6, STOPPING) for name in ("whole", "killed"))
    assert whole.train().returncode == 0
    last = max(evaluations(whole))
    for step in (4, last - 3, last - 1):
        assert killed.train_until(step, signal.SIGKILL) == -signal.SIGKILL
    assert killed.train().returncode == 0
    assert_stopped_well(killed)
    assert evaluations(killed) == evaluations(whole)
    name = "adapter_model.safetensors"
    assert (killed.output / name).read_bytes() == (whole.output / name).read_bytes()


@pytest.mark.slow
def test_only_the_best_states_are_saved(make_job: Callable[..., Any]) -> None:
    job = make_job("run", 10, 6, {"num_epochs": 3, "eval_steps": 1, "save_strategy": "best"})
    assert job.train().returncode == 0
    losses = evaluations(job)
    records = [step for step, loss in losses.items() if all(loss < losses[before] for before in range(1, step))]
    saved = [event["step"] for event in job.events("checkpoint")]
    assert saved == sorted({*records, 9})  # and the end
