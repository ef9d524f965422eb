"""What `ftk doctor` finds on a machine."""

import fcntl
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftk.accelerator import find_accelerator
from ftk.checkup import examine
from ftk.diagnosis import Diagnosis
from ftk.home import Home
from ftk.hooks.manager import Manager
from ftk.plugin import Environment, hookimpl, stage

Examine = Callable[[], dict[str, Diagnosis]]


class Helpful:
    """A plugin with an environment and a finding of its own."""

    @stage(revision=1, environment="rocket")
    def serve(self, run: Any, models: Any) -> Any:
        """Does nothing."""

    @hookimpl
    def environment(self, name: str) -> Environment | None:
        return Environment(name, ("rocket",), "buy one") if name == "rocket" else None

    @hookimpl
    def diagnose(self) -> list[Diagnosis]:
        return [Diagnosis("fuel", "broken", "there is none", "fill up")]


class Place:
    """A backend on which no environment works."""

    def find_problem(self, environment: Environment) -> str | None:
        return f"{environment.modules[0]} cannot be imported"


@pytest.fixture
def found(tmp_path: Path, manager: Manager, install: Callable[..., None]) -> Examine:
    """Examines this machine; gives the findings by their subject."""
    install(helpful=object())
    manager.register(Helpful(), "helpful")
    home = Home(tmp_path / "runs", tmp_path / "cache")
    return lambda: {item.subject: item for item in examine(home, manager, Place())}  # type: ignore[arg-type]


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a program of that name on PATH."""

    def put(script: str) -> None:
        path = tmp_path / "bin" / "nvidia-smi"
        path.parent.mkdir()
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", str(path.parent), prepend=os.pathsep)

    return put


def test_this_machine_can_work(found: Examine) -> None:
    findings = found()
    assert {name: findings[name].verdict for name in ("Python", "ftk", "CPUs", "file locks", "clock")} == dict.fromkeys(
        ("Python", "ftk", "CPUs", "file locks", "clock"), "ok"
    )
    assert all(item.remedy for item in findings.values() if item.verdict != "ok")


def test_plugins_say_what_they_know_and_environments_are_looked_at(found: Examine) -> None:
    findings = found()
    assert findings["fuel"] == Diagnosis("fuel", "broken", "there is none", "fill up")
    assert findings["environment rocket"].verdict == "note"
    assert findings["environment rocket"].remedy == "buy one"
    assert findings["plugin helpful"].verdict == "ok"


def test_a_plugin_whose_hook_fails_is_told_by_name(found: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Helpful.diagnose, "__code__", (lambda self: 1 / 0).__code__)
    finding = found()["plugin helpful"]
    assert finding.verdict == "broken"
    assert "its diagnose raised ZeroDivisionError" in finding.detail
    assert "FTK_DISABLE_PLUGINS=helpful" in str(finding.remedy)


def test_gpus_are_told_with_memory_and_driver(found: Examine, nvidia_smi: Callable[[str], None]) -> None:
    nvidia_smi("echo 'NVIDIA A100, 81920 MiB, 550.54'")
    assert found()["GPU"] == Diagnosis("GPU", "ok", "NVIDIA A100; 81920 MiB; 550.54")


def test_a_driver_that_does_not_answer_is_broken(found: Examine, nvidia_smi: Callable[[str], None]) -> None:
    nvidia_smi("echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18")
    finding = found()["GPU"]
    assert finding.verdict == "broken"
    assert "Driver/library version mismatch" in finding.detail


def test_a_slow_driver_is_given_the_time_that_training_gives_it(
    found: Examine, nvidia_smi: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    nvidia_smi("echo 'GPU 0: NVIDIA A100 (UUID: GPU-aaaa1111)'")
    given = []

    def run(argv: list[str], timeout: float, **options: Any) -> Any:
        given.append(timeout)
        return real(argv, timeout=60, **options)

    real = subprocess.run
    monkeypatch.setattr(subprocess, "run", run)
    found()
    find_accelerator()
    first, second = given
    assert first == second


def test_locks_that_keep_nobody_out_are_broken(found: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda file, kind: None)  # as some network file systems have it
    assert found()["file locks"].verdict == "broken"


def test_a_clock_that_is_years_behind_is_broken(found: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert found()["clock"].remedy == "set the clock"


def test_a_disk_with_little_room_is_told(found: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 2**30})
    monkeypatch.setattr("ftk.checkup.shutil.disk_usage", lambda path: usage)
    assert found()["folder of runs"].verdict == found()["folder of cache"].verdict == "note"
