"""Which loggers a run has, what they are told, and what they still have to be told."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ftk.config.marked_yaml import read_yaml
from ftk.config.overrides import parse_set
from ftk.config.resolve import resolve
from ftk.config.resolved import Config
from ftk.errors import ProblemsFound, UsageError
from ftk.hooks.manager import Manager
from ftk.loggers import senders
from ftk.loggers.choosing import find_loggers, keys_without_effect
from ftk.loggers.delivery import Delivery, named_metrics
from ftk.loggers.figures import Figures, gpu_figures
from ftk.loggers.logger import LoggedRun, Logger
from ftk.loggers.progress import Progress
from ftk.loggers.queue import Beside, queued
from ftk.loggers.sending import Sending
from ftk.loggers.unsent import count_unsent
from ftk.plugin import hookimpl
from ftk.runs.events import Event

CONFIG = "base_model: m\ndatasets:\n  - path: d.jsonl\n    type: {}\n"


class Cloud(Logger):
    """Chosen by a key, and turned off by another one."""

    name = "cloud"
    keys = {"cloud_project": {"type": ["string", "null"]}, "use_cloud": {"type": ["boolean", "null"]}}

    def is_wanted(self, config: Mapping[str, Any]) -> bool | None:
        if config.get("cloud_project") == "impossible":
            raise ValueError("no such project")
        return False if config.get("use_cloud") is False else bool(config.get("cloud_project")) or None


class Paper(Logger):
    name = "paper"
    folder = "paper-log"


class Plugin:
    @hookimpl
    def loggers(self) -> list[Logger]:
        return [Cloud(), Paper()]


@pytest.fixture
def logging_manager(manager: Manager) -> Manager:
    """The plugin that does nothing, and one with two loggers."""
    manager.register(Plugin(), "logging")
    return manager


def _resolved(manager: Manager, more: str = "", *sets: str) -> Config:
    return resolve(read_yaml(CONFIG + more, "c.yml"), [parse_set(item) for item in sets], manager)


@pytest.mark.parametrize(
    ("more", "sets", "names"),
    [
        ("", [], []),
        ("cloud_project: x\n", [], ["cloud"]),
        ("cloud_project:\n", [], []),
        ("cloud_project: x\nuse_cloud: false\n", [], []),
        ("ftk: {loggers: [paper]}\n", [], ["paper"]),
        ("cloud_project: x\nftk: {loggers: []}\n", [], []),
        ("cloud_project: x\n", ["ftk.loggers=[paper, cloud, paper]"], ["paper", "cloud"]),
    ],
)
def test_loggers_are_chosen_by_name_or_else_by_their_keys(
    more: str, sets: list[str], names: list[str], logging_manager: Manager
) -> None:
    config = _resolved(logging_manager, more, *sets)
    assert config.ftk["loggers"] == names
    again = resolve(read_yaml(config.dump(), "resolved.yml"), [], logging_manager)
    assert again.ftk["loggers"] == names


def test_a_key_of_a_logger_that_is_not_chosen_is_told(logging_manager: Manager) -> None:
    config = _resolved(logging_manager, "cloud_project: x\nftk: {loggers: [paper]}\n")
    told = "cloud_project has no effect, since cloud is not chosen (`--logger cloud`)"
    assert list(keys_without_effect(config, logging_manager)) == [told]
    refused = _resolved(logging_manager, "cloud_project: x\nuse_cloud: false\n")
    assert list(keys_without_effect(refused, logging_manager)) == []


def test_an_unknown_logger_is_told_by_its_place_with_the_nearest_name(logging_manager: Manager) -> None:
    with pytest.raises(ProblemsFound) as error:
        _resolved(logging_manager, "ftk:\n  loggers: [paper, cluod]\n")
    assert str(error.value) == "c.yml:6: no plugin brings the logger 'cluod'; did you mean 'cloud'?"
    with pytest.raises(UsageError, match="no plugin brings the logger 'stone'\n  those that there are: cloud, paper"):
        find_loggers(["stone"], logging_manager)


def test_a_logger_that_cannot_say_whether_it_is_wanted_is_left_out_by_name(logging_manager: Manager) -> None:
    assert _resolved(logging_manager, "cloud_project: impossible\n").ftk["loggers"] == []
    assert logging_manager.broken == {"cloud": "its is_wanted raised ValueError: no such project"}
    with pytest.raises(UsageError, match="no plugin brings the logger 'clod'"):
        find_loggers(["clod"], logging_manager)


@pytest.mark.parametrize("output", ["paper-log", "./paper-log/", "./paper-log/out"])
def test_a_training_cannot_have_the_folder_of_a_logger(output: str, logging_manager: Manager) -> None:
    with pytest.raises(ProblemsFound) as error:
        _resolved(logging_manager, f"output_dir: {output}\n")
    told = "c.yml:5: the logger paper writes into a folder of this name; choose another, such as ./lora-out"
    assert str(error.value) == told


def test_metrics_have_the_names_that_people_expect() -> None:
    fields = {"step": 3, "steps": 9, "epoch": 0.5, "loss": 1.5, "learning_rate": 1e-4, "seconds_left": 7, "note": "x"}
    assert named_metrics(fields) == {"train/epoch": 0.5, "train/loss": 1.5, "train/learning_rate": 1e-4}
    assert named_metrics({"step": 3, "eval_loss": 2.0}) == {"eval/loss": 2.0}


def _run(folder: Path, **events: list[dict[str, Any]]) -> LoggedRun:
    (folder / "events").mkdir(parents=True)
    for name, lines in events.items():
        (folder / f"events/{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    values = {"lora_r": 8, "datasets": [{"path": "d.jsonl"}], "names": ["a", "b"], "ftk": {"stages": {}}}
    return LoggedRun(folder, Config(values))


def test_parameters_are_the_flattened_config(tmp_path: Path) -> None:
    parameters = _run(tmp_path).parameters()
    assert parameters == {"lora_r": 8, "datasets.0.path": "d.jsonl", "names": ["a", "b"], "ftk.stages": {}}


def test_the_queue_is_what_follows_the_cursor_by_time(tmp_path: Path) -> None:
    # The clock of the second file was set back; its own order holds.
    first = [{"time": 1.0, "kind": "run_started"}, {"time": 5.0, "kind": "run_ending", "status": "finished"}]
    second = [{"time": 3.0, "kind": "metrics", "step": 1}, {"time": 2.0, "kind": "metrics", "step": 2}]
    own = [{"time": 0.0, "kind": "notice", "message": "x"}]
    run = _run(tmp_path / "r", driver=first, train=second, **{"logger-x": own})
    with (run.folder / "events/train.jsonl").open("a") as stream:
        stream.write('{"time": 6.0, "kind": "metr')  # the writer is at it
    found = list(queued(Beside(tmp_path), "r", {}))
    told = [(item.event.kind, item.event.fields.get("step")) for item in found]
    assert told == [("run_started", None), ("metrics", 1), ("metrics", 2), ("run_ending", None)]
    offsets: dict[str, int] = {}
    for number, item in enumerate(found):
        assert count_unsent(Beside(tmp_path), "r", Progress(offsets)) == len(found) - number
        offsets[item.file] = item.end
    assert list(queued(Beside(tmp_path), "r", offsets)) == []


class Noting(Logger):
    name = "noting"

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def run_started(self, run: LoggedRun) -> str:
        self.calls.append(("run_started",))
        return "here"

    def log_metrics(self, values: Mapping[str, float], step: int, time: float) -> None:
        self.calls.append(("log_metrics", dict(values), step, time))

    def run_finished(self, status: str) -> None:
        self.calls.append(("run_finished", status))


def test_a_run_that_goes_on_is_opened_again(tmp_path: Path) -> None:
    logger = Noting()
    delivery = Delivery(logger, _run(tmp_path))
    delivery.log_figures({"system/cpu_percent": 1.0}, 0.5)  # before anything has happened
    delivery.deliver(Event(1.0, "notice", {"message": "x"}))
    for event in (Event(1.0, "run_started"), Event(2.0, "metrics", {"step": 4, "loss": 1.0})):
        delivery.deliver(event)
    delivery.log_figures({"system/cpu_percent": 1.0}, 2.5)
    delivery.deliver(Event(3.0, "run_ending", {"status": "failed"}))
    delivery.close("died")
    delivery.deliver(Event(4.0, "run_started"))
    assert delivery.link == "here"
    assert logger.calls == [
        ("run_started",),
        ("log_metrics", {"train/loss": 1.0}, 4, 2.0),
        ("log_metrics", {"system/cpu_percent": 1.0}, 4, 2.5),
        ("run_finished", "failed"),
        ("run_started",),
    ]


def test_figures_of_the_machine_and_of_each_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert list(gpu_figures()) == []
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho '0, 93, 2048, 61, 250.5'\necho '1, 0, 512, 30, [N/A]'\n")
    tool.chmod(0o755)
    measured = Figures(1).measure()
    assert 0 <= measured["system/cpu_percent"] <= 100 and 0 < measured["system/memory_percent"] <= 100
    assert {name: value for name, value in measured.items() if "gpu" in name} == {
        "system/gpu.0.percent": 93,
        "system/gpu.0.memory_gib": 2,
        "system/gpu.0.temperature": 61,
        "system/gpu.0.power_watts": 250.5,
        "system/gpu.1.percent": 0,
        "system/gpu.1.memory_gib": 0.5,
        "system/gpu.1.temperature": 30,
    }


def test_the_cursor_is_saved_whole_by_whatever_thread(logging_manager: Manager, tmp_path: Path) -> None:
    run = LoggedRun(tmp_path, _resolved(logging_manager, "ftk: {loggers: [paper]}\n"))
    sending = Sending(Paper(), run)
    with ThreadPoolExecutor(4) as pool:
        for saved in [pool.submit(sending.save) for _ in range(200)]:
            saved.result()
    assert Progress.read(tmp_path, "paper") == Progress()


@pytest.fixture
def late_sender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has processes of loggers that begin as late as their name says."""
    code = (
        "import sys, time; from pathlib import Path\ntime.sleep(int(sys.argv[2])); Path(sys.argv[1], 'sent').touch()\n"
    )
    (tmp_path / "late_sender.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(senders, "SENDER", "late_sender")


@pytest.mark.usefixtures("late_sender")
def test_a_process_that_begins_late_still_has_its_time(tmp_path: Path) -> None:
    senders.Senders(tmp_path / "run", ["4"], drain=0).finish()
    assert (tmp_path / "run" / "sent").exists()


@pytest.mark.usefixtures("late_sender")
def test_who_wants_to_end_now_waits_for_no_logger(tmp_path: Path) -> None:
    senders.Senders(tmp_path / "run", ["3600"], drain=3600).finish(now=True)
    assert not (tmp_path / "run" / "sent").exists()
