"""A run is stopped, left, watched and gone on with, in every way that a person has."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from ftk.testing.calls import PATIENCE

SLOWLY = ("--set", "toy_step_seconds=0.3")
"""Leaves time to do something to a training; a setting, so that it may change at any time."""

STEPS = 200

LONG = ("--set", f"max_steps={STEPS}")
"""With the above a minute, which nobody waits for; see `_hurry`."""

AT_FULL_SPEED = ("--set", "toy_step_seconds=0")

STAGES = ["stage_data", "prepare_model", "train", "merge"]


def _state(ftk) -> str:
    (run,) = json.loads(ftk("runs", "--json").stdout)
    return run["state"]


def _run_name(ftk) -> str:
    return ftk.run_folder().name


def _result(ftk) -> dict[str, bytes]:
    """What a training left, but for its checkpoints."""
    folder = ftk.run_folder() / "lora-out"
    return {name: (folder / name).read_bytes() for name in ("learned.json", "trained.json", "merged/learned.json")}


def _checkpoints(ftk) -> list[int]:
    return sorted(event["step"] for event in ftk.events("checkpoint"))


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _begun(ftk) -> list[str]:
    """The stages that were begun, in order, each as often as that happened."""
    return [event["stage"] for event in ftk.events("stage_started")]


def _assert_went_on_from(ftk, step: int) -> None:
    """The newest training began after this step, and its first step is the next one."""
    start = ftk.events("training")[-1]
    later = [event["step"] for event in ftk.events("metrics") if event["time"] > start["time"]]
    assert (start["start_step"], later[0]) == (step, step + 1)


def _start_and_wait_for_checkpoint(ftk, config: Path):
    process = ftk.start("run", config, *LONG, *SLOWLY)
    ftk.wait_for_event("checkpoint", step=2)
    return process


def _hurry(ftk) -> None:
    """Let a slow training go on at full speed."""
    (ftk.run_folder() / "hurry").touch()


def _driver(ftk) -> psutil.Process:
    (driver,) = ftk.workers("ftk.runs.driver")
    return driver


@pytest.fixture
def whole_result(ftk, toy_config: Path) -> dict[str, bytes]:
    """What a training leaves that nobody disturbs."""
    ftk("run", toy_config, *LONG)
    result = _result(ftk)
    ftk.run_folder().rename(ftk.folder / "undisturbed")
    return result


def test_ctrl_c_keeps_a_checkpoint_and_resume_goes_on_from_it(ftk, toy_config: Path, whole_result) -> None:
    process = _start_and_wait_for_checkpoint(ftk, toy_config)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, errors
    assert "cancelled" in errors
    assert "Traceback" not in errors
    assert _state(ftk) == "cancelled"
    ftk.assert_nobody_works()
    last = _checkpoints(ftk)[-1]
    assert ftk.events("metrics")[-1]["step"] == last

    assert ftk("run", "--resume", _run_name(ftk), *AT_FULL_SPEED).returncode == 0
    _assert_went_on_from(ftk, last)
    assert _result(ftk) == whole_result


def test_a_second_ctrl_c_stops_at_once(ftk, toy_config: Path) -> None:
    process = ftk.start("run", toy_config, "--set", "toy_step_seconds=600")
    ftk.wait_for_event("training")
    os.killpg(process.pid, signal.SIGINT)
    assert any("Ctrl-C again stops at once" in line for line in process.stderr)
    os.killpg(process.pid, signal.SIGINT)
    # The only step takes longer than this: nothing but impatience can have ended it.
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    ftk.assert_nobody_works()


def test_cancel_leaves_a_checkpoint_and_nobody_at_work(ftk, toy_config: Path) -> None:
    process = _start_and_wait_for_checkpoint(ftk, toy_config)
    done = ftk("cancel", _run_name(ftk))
    assert done.returncode == 0
    ftk.assert_nobody_works()
    assert f"ftk run --resume {_run_name(ftk)}" in done.stdout
    assert ftk.events("metrics")[-1]["step"] == _checkpoints(ftk)[-1] < STEPS
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "nothing works on" in ftk("cancel", _run_name(ftk)).stdout


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL], ids=lambda number: number.name)
def test_the_run_outlives_its_terminal(ftk, toy_config: Path, number: signal.Signals, whole_result) -> None:
    process = _start_and_wait_for_checkpoint(ftk, toy_config)
    # A terminal that is closed tells its whole session.
    os.killpg(process.pid, number)
    process.communicate(timeout=PATIENCE)
    assert _state(ftk) == "running"
    _hurry(ftk)
    assert ftk("attach").returncode == 0
    assert _state(ftk) == "finished"
    assert _result(ftk) == whole_result
    assert len(ftk.events("training")) == 1


def test_a_detached_run_can_be_attached_to(ftk, toy_config: Path) -> None:
    started = ftk("run", toy_config, *SLOWLY, "--detach")
    assert started.returncode == 0
    assert f"ftk attach {_run_name(ftk)}" in started.stdout
    attached = ftk("attach")
    assert attached.returncode == 0
    assert "step 6/6" in attached.stderr
    assert "exact match" in attached.stdout


def test_a_run_is_known_by_every_path_to_its_folder(ftk, toy_config: Path) -> None:
    (ftk.folder / "link").symlink_to(ftk.folder)
    ftk("run", toy_config, *LONG, *SLOWLY, "--detach", "--runs-dir", "link/runs")
    assert _state(ftk) == "running"
    assert ftk("cancel", "latest").returncode == 0
    ftk.assert_nobody_works()


def test_ctrl_c_in_attach_only_lets_go(ftk, toy_config: Path) -> None:
    ftk("run", toy_config, *LONG, *SLOWLY, "--detach")
    attached = ftk.start("attach")
    assert attached.stderr.readline()
    os.killpg(attached.pid, signal.SIGINT)
    attached.communicate(timeout=PATIENCE)
    assert attached.returncode == 130
    assert _state(ftk) == "running"
    _hurry(ftk)
    assert ftk("attach").returncode == 0


def test_a_killed_driver_leaves_an_orphan_that_resume_stops_in_order(ftk, toy_config: Path, whole_result) -> None:
    process = _start_and_wait_for_checkpoint(ftk, toy_config)
    _driver(ftk).kill()
    ftk.wait_for(lambda: _state(ftk) == "orphaned")
    (orphan,) = ftk.workers()
    assert ftk("run", "--resume", _run_name(ftk), *AT_FULL_SPEED).returncode == 0
    # Whose parent has died, stays in the list of processes until the system's first one looks.
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE
    # The orphan was given the time to save what it had done.
    orphans_steps = [event["step"] for event in _lines(ftk.run_folder() / "events/train-1.jsonl") if "loss" in event]
    _assert_went_on_from(ftk, orphans_steps[-1])
    assert _result(ftk) == whole_result
    process.communicate(timeout=PATIENCE)


def test_a_killed_trainer_is_told_and_resume_goes_on_from_its_checkpoint(ftk, toy_config: Path, whole_result) -> None:
    process = _start_and_wait_for_checkpoint(ftk, toy_config)
    (trainer,) = ftk.workers("ftk_toy")
    trainer.kill()
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "was ended by signal 9: it was killed from outside" in errors
    assert _state(ftk) == "failed"
    last = _checkpoints(ftk)[-1]
    assert ftk("run", "--resume", _run_name(ftk), *AT_FULL_SPEED).returncode == 0
    _assert_went_on_from(ftk, last)
    assert _result(ftk) == whole_result


def test_a_training_that_takes_too_long_is_stopped_in_order(ftk, toy_config: Path, whole_result) -> None:
    done = ftk("run", toy_config, *LONG, *SLOWLY, "--set", "ftk.resources.timeout=5")
    assert done.returncode == 1
    assert "longer than the 5 seconds of ftk.resources.timeout" in done.stderr
    ftk.assert_nobody_works()
    last = _checkpoints(ftk)[-1]
    done = ftk("run", "--resume", _run_name(ftk), *AT_FULL_SPEED, "--set", "ftk.resources.timeout=10m")
    assert done.returncode == 0, done.stderr
    _assert_went_on_from(ftk, last)
    assert _result(ftk) == whole_result


def test_of_two_resumes_at_once_one_works_and_one_is_refused(ftk, toy_config: Path) -> None:
    ftk("run", toy_config, *LONG, *SLOWLY, "--until", "prepare_model")
    both = [ftk.start("run", "--resume", _run_name(ftk)) for _ in range(2)]
    ftk.wait_for(lambda: any(process.poll() is not None for process in both))
    _hurry(ftk)
    errors = [process.communicate(timeout=PATIENCE)[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 2], errors
    (refused,) = [text for process, text in zip(both, errors, strict=True) if process.returncode]
    assert refused.splitlines() == [
        f"error: {_run_name(ftk)} is being worked on",
        f"  `ftk attach {_run_name(ftk)}` shows it",
    ]
    assert len(ftk.events("training")) == 1


def test_a_changed_key_is_refused_by_name_and_changes_nothing(ftk, toy_config: Path) -> None:
    ftk("run", toy_config)
    resolved = (ftk.run_folder() / "resolved.yml").read_bytes()
    result = _result(ftk)
    done = ftk("run", "--resume", _run_name(ftk), "--set", "max_steps=9")
    assert done.returncode == 2
    assert "train was done with other inputs: config max_steps: 6 then, 9 now" in done.stderr
    assert "--from train" in done.stderr
    assert (ftk.run_folder() / "resolved.yml").read_bytes() == resolved
    assert _state(ftk) == "finished"
    assert ftk("attach").returncode == 0
    assert _result(ftk) == result


def test_from_train_does_it_again_with_the_changed_key(ftk, toy_config: Path) -> None:
    ftk("run", toy_config)
    done = ftk("run", "--resume", _run_name(ftk), "--from", "train", "--set", "max_steps=9")
    assert done.returncode == 0, done.stderr
    assert json.loads((ftk.run_folder() / "lora-out/trained.json").read_text())["steps"] == 9
    assert _begun(ftk) == [*STAGES, "evaluate", "train", "merge", "evaluate"]
    assert ftk.events("training")[-1]["start_step"] == 0


def test_a_run_keeps_the_adapter_that_it_goes_on_from(ftk, toy_config: Path) -> None:
    given = ftk.folder / "given"
    given.mkdir()
    (given / "learned.json").write_text('{"1 2 3": "six"}')
    sets = ("--set", f"lora_model_dir={given}")
    assert ftk("run", toy_config, *sets, "--until", "prepare_model").returncode == 0
    (given / "learned.json").write_text("{}")
    assert ftk("run", "--resume", "latest").returncode == 0
    assert json.loads((ftk.run_folder() / "lora-out/learned.json").read_text())["1 2 3"] == "six"
    (ftk.run_folder() / "lora_model_dir/learned.json").write_text("{}")
    done = ftk("run", "--resume", "latest")
    assert done.returncode == 2
    assert "train was done with other inputs: file lora_model_dir" in done.stderr


def test_from_merge_keeps_the_training(ftk, toy_config: Path) -> None:
    ftk("run", toy_config)
    result = _result(ftk)
    assert ftk("run", "--resume", _run_name(ftk), "--from", "merge").returncode == 0
    assert _begun(ftk) == [*STAGES, "evaluate", "merge", "evaluate"]
    assert _result(ftk) == result


def test_what_a_killed_start_left_is_swept_away_by_the_next(ftk, toy_config: Path) -> None:
    leftover = ftk.runs / "ftk-2026-01-01-00-00-00-0000.partial"
    leftover.mkdir(parents=True)
    assert ftk("run", toy_config, "--until", "stage_data").returncode == 0
    assert not leftover.exists()


def test_a_finished_run_has_nothing_to_go_on_with(ftk, toy_config: Path) -> None:
    ftk("run", toy_config)
    assert ftk("run", "--resume", _run_name(ftk)).returncode == 0
    assert _begun(ftk) == [*STAGES, "evaluate"]
    assert [event["stage"] for event in ftk.events("stage_skipped")] == STAGES


def test_until_ends_early_and_resume_does_the_rest(ftk, toy_config: Path) -> None:
    assert ftk("run", toy_config, "--until", "train").returncode == 0
    assert _begun(ftk) == STAGES[:3]
    assert ftk("run", "--resume", _run_name(ftk)).returncode == 0
    assert _begun(ftk) == [*STAGES, "evaluate"]


def test_no_merge_keeps_the_adapter_beside_the_model(ftk, toy_config: Path) -> None:
    done = ftk("run", toy_config, "--no-merge")
    assert done.returncode == 0, done.stderr
    assert _begun(ftk) == [*STAGES[:3], "evaluate"]
    assert not (ftk.run_folder() / "lora-out/merged").exists()
    assert "exact match" in done.stdout
