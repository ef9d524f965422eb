"""Loggers follow a run, in processes of their own: whatever they do, the training does not notice."""

import json
from pathlib import Path
from typing import Any

import psutil
import pytest

from ftk.testing.calls import PATIENCE

DRILLS = ("--plugin", Path(__file__).with_name("drill_loggers.py"))

HASTY = ("--set", "ftk.logging.drain=0.5")

ENOUGH = ("--set", "ftk.logging.drain=5")
"""Seconds in which a good logger has sent all, on a busy machine too."""

STEPS = 120

SLOWLY = ("--set", "toy_step_seconds=0.5", "--set", f"max_steps={STEPS}")
"""A minute, which nobody waits for; see `_hurry`."""

UNTIL_TOLD = ("--set", "toy_step_seconds=600")
"""The first step takes until `_hurry`."""

BAD = ("raising", "hanging", "sleeping", "exiting", "quitting")


def _chosen(*names: str) -> list[str]:
    return [part for name in names for part in ("--logger", name)]


def _calls(ftk, name: str) -> list[list[Any]]:
    path = ftk.run_folder() / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _steps(ftk, name: str) -> list[int]:
    return [call[1] for call in _calls(ftk, name) if call[0] == "log_metrics" and "train/loss" in call[2]]


def _notices(ftk, begin: str) -> list[str]:
    return [event["message"] for event in ftk.events("notice") if event["message"].startswith(begin)]


def _hurry(ftk) -> None:
    """Let a slow training go on at full speed."""
    (ftk.run_folder() / "hurry").touch()


def _senders(ftk) -> list[psutil.Process]:
    return ftk.workers("ftk.loggers.sender")


def test_a_logger_is_told_of_the_whole_run_in_order(ftk, toy_config: Path) -> None:
    done = ftk("run", toy_config, *DRILLS, *_chosen("recording"))
    assert done.returncode == 0, done.stderr
    calls = _calls(ftk, "recording")
    assert calls[0] == ["run_started", ftk.run_folder().name, 6]
    assert calls[1:4] == [
        ["log_artifact", "config", "config.yml"],
        ["log_artifact", "config", "resolved.yml"],
        ["log_artifact", "samples", "samples.jsonl"],
    ]
    assert _steps(ftk, "recording") == [1, 2, 3, 4, 5, 6]
    assert [call for call in calls if "checkpoint" in call] == [
        ["log_artifact", "checkpoint", f"checkpoint-00000{step}.json"] for step in (2, 4, 6)
    ]
    assert calls[-4:] == [
        ["log_artifact", "model", "lora-out"],
        [
            "log_metrics",
            6,
            ["eval/exact_match", "eval/exact_match_base", "train/exact_match", "train/exact_match_base"],
        ],
        ["log_artifact", "summary", "summary.json"],
        ["run_finished", "finished"],
    ]
    assert f"recording file://{ftk.run_folder()}/recording.jsonl" in done.stdout
    assert "not sent" not in done.stderr + ftk("show").stdout
    ftk.assert_nobody_works()


def test_bad_loggers_cost_neither_the_run_nor_a_good_one(ftk, toy_config: Path) -> None:
    process = ftk.start("run", toy_config, *DRILLS, *ENOUGH, *UNTIL_TOLD, *_chosen(*BAD, "recording"))
    ftk.wait_for_event("training")
    ftk.wait_for(lambda: _calls(ftk, "recording") and _notices(ftk, "logger quitting"))
    ftk.wait_for(lambda: len(_senders(ftk)) == len(BAD))  # but `exiting`, and with `recording`
    _hurry(ftk)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert _steps(ftk, "recording") == [1, 2, 3, 4, 5, 6]
    name, shown = ftk.run_folder().name, ftk("show").stdout
    for bad in BAD:
        assert f"; `ftk sync {name} --logger {bad}` sends them" in shown, shown
        assert f"note: logger {bad}: " in errors
    assert "logger raising: ConnectionError: the server is away; it is tried again" in errors
    assert "logger hanging: 13 of its events are not sent: it took longer than 5 s after the end" in errors
    assert "logger exiting: 16 of its events are not sent: its process ended with exit code 3" in errors
    assert "logger quitting: 16 of its events are not sent: SystemExit: no licence" in errors
    ftk.assert_nobody_works()


def test_a_logger_that_hangs_is_told_while_it_does(ftk, toy_config: Path) -> None:
    patience = ("--set", "ftk.logging.patience=3")
    process = ftk.start("run", toy_config, *DRILLS, *HASTY, *SLOWLY, *patience, *_chosen("hanging", "recording"))
    ftk.wait_for(lambda: _notices(ftk, "logger hanging"))
    assert not ftk.events("run_ending")
    _hurry(ftk)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    [notice] = _notices(ftk, "logger hanging")
    told = "logger hanging has been at one event (metrics) for 3 s; the run goes on, and what is not sent is told"
    assert notice.startswith(told)
    assert f"note: {notice}" in errors


def test_the_trainer_only_appends_to_its_event_file(ftk, toy_config: Path) -> None:
    process = ftk.start("run", toy_config, *DRILLS, *HASTY, *SLOWLY, *_chosen("hanging"))
    ftk.wait_for_event("metrics", step=2)
    [trainer] = ftk.workers("ftk_toy")
    assert trainer.children() == [] and trainer.net_connections() == [] and trainer.num_threads() == 1
    written = {Path(item.path).name for item in trainer.open_files() if set(item.mode) & set("wa+")}
    assert written <= {"logs.txt", "train-1.jsonl", ".lock"}
    _hurry(ftk)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    [command] = [event for event in ftk.events("command_started") if event["stage"] == "train"]
    assert not any("hanging" in part for part in command["argv"])
    assert [event["step"] for event in ftk.events("metrics")] == list(range(1, STEPS + 1))


@pytest.mark.slow
def test_a_killed_driver_takes_its_loggers_along_and_the_next_one_goes_on(ftk, toy_config: Path) -> None:
    ftk.start("run", toy_config, *DRILLS, *ENOUGH, *SLOWLY, *_chosen("recording", "hanging"))
    ftk.wait_for_event("metrics", step=2)
    ftk.wait_for(lambda: len(_steps(ftk, "recording")) > 1)
    [driver] = ftk.workers("ftk.runs.driver")
    driver.kill()
    ftk.wait_for(lambda: not _senders(ftk))
    done = ftk("run", "--resume", "latest", "--set", "toy_step_seconds=0")
    assert done.returncode == 0, done.stderr
    steps = _steps(ftk, "recording")
    assert set(steps) == set(range(1, STEPS + 1))
    # None was logged again but those that were trained again.
    assert len(steps) == len([event for event in ftk.events("metrics") if "loss" in event])
    assert [call for call in _calls(ftk, "recording") if call[0] == "run_finished"][-1] == ["run_finished", "finished"]


def test_a_cancelled_run_is_logged_to_its_end(ftk, toy_config: Path) -> None:
    ftk("run", toy_config, *DRILLS, *SLOWLY, *_chosen("recording"), "--detach")
    ftk.wait_for_event("metrics", step=3)
    ftk("cancel", "latest")
    ftk.wait_for(lambda: not ftk.workers())
    assert _calls(ftk, "recording")[-1] == ["run_finished", "cancelled"]
    assert max(_steps(ftk, "recording")) == max(event["step"] for event in ftk.events("metrics"))


@pytest.mark.slow
def test_what_is_left_is_sent_afterwards(ftk, toy_config: Path) -> None:
    ftk("run", toy_config, *DRILLS, *HASTY, *_chosen("raising"))
    assert _steps(ftk, "raising") == []
    failed = ftk("sync")
    assert failed.returncode == 1
    assert "error: logger raising: 13 of its events are not sent: ConnectionError: the server is away" in failed.stderr
    (ftk.run_folder() / "mended").touch()
    done = ftk("sync", "latest", "--logger", "raising")
    assert (done.returncode, done.stdout) == (0, f"{ftk.run_folder().name} is sent to raising\n"), done.stderr
    assert _steps(ftk, "raising") == [1, 2, 3, 4, 5, 6]
    assert _calls(ftk, "raising")[-1] == ["run_finished", "finished"]
    assert "not sent" not in ftk("show").stdout
    assert json.loads(ftk("runs", "--json").stdout)[0]["state"] == "finished"


def test_a_run_is_sent_to_a_logger_that_it_never_had(ftk, toy_config: Path) -> None:
    ftk("run", toy_config, *DRILLS)
    assert "has no logger" in ftk("sync").stderr
    done = ftk("sync", "--logger", "recording")
    assert done.returncode == 0, done.stderr
    assert _steps(ftk, "recording") == [1, 2, 3, 4, 5, 6]
    shown = json.loads(ftk("show", "--json").stdout)["loggers"]
    link = f"file://{ftk.run_folder()}/recording.jsonl"
    assert shown == {"recording": {"link": link, "unsent": 0, "error": None}}
    calls = len(_calls(ftk, "recording"))
    assert ftk("sync").returncode == 0
    assert len(_calls(ftk, "recording")) == calls


def test_a_logger_that_cannot_work_is_told_before_anything_starts(ftk, toy_config: Path) -> None:
    done = ftk("run", toy_config, *DRILLS, *_chosen("missing"))
    assert done.returncode == 2
    assert "logger missing: no_such_library cannot be imported" in done.stderr
    assert "`pip install no-such-library`" in done.stderr
    unknown = ftk("run", toy_config, *DRILLS, *_chosen("recordings"))
    assert unknown.returncode == 2
    assert "no plugin brings the logger 'recordings'; did you mean 'recording'?" in unknown.stderr
    assert not ftk.has_run()
