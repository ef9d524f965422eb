"""Fixtures for the tests of plugins; pytest finds them wherever ftk is installed."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ftk.loggers.logger import LoggedRun
    from ftk.testing.calls import Ftk
    from ftk.testing.recording import Recording

SmallRun = Callable[..., "Ftk"]


@pytest.fixture(scope="session")
def ftk_tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a Llama of two layers with random weights and a tokenizer of bytes."""
    from ftk.testing.tiny_model import write_tiny_model

    return write_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture
def ftk_call(tmp_path: Path) -> "Iterator[Ftk]":
    """Calls the real `ftk` in the test's own folder; whatever is left of it is killed at the end of the test."""
    from ftk.testing.engines import make_ftk

    calls = make_ftk(tmp_path, dict(os.environ))
    yield calls
    calls.kill_all()


@pytest.fixture
def ftk_small_run(ftk_call: "Ftk", ftk_tiny_model: Path) -> SmallRun:
    """Does a whole run of the tiny model: takes rows, their `type`, and whatever else is told to `ftk run`."""

    def run(rows: Sequence[Mapping[str, Any]], kind: str | Mapping[str, Any], *arguments: str) -> "Ftk":
        """Run, and give the caller of ftk, which knows the run's folder and events.

        :raises AssertionError: when the run fails.
        """
        (ftk_call.folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        config = {"base_model": str(ftk_tiny_model), "datasets": [{"path": "data.jsonl", "type": kind}]}
        (ftk_call.folder / "config.yml").write_text(json.dumps(config))
        done = ftk_call("run", "config.yml", *arguments)
        assert done.returncode == 0, done.stderr
        return ftk_call

    return run


@pytest.fixture
def ftk_logged_run(tmp_path: Path) -> "LoggedRun":
    """A run as loggers see one."""
    from ftk.testing.loggers import write_logged_run

    return write_logged_run(tmp_path / "ftk-2026-11-24-19-13-05-0fb0")


@pytest.fixture
def ftk_recording_logger(tmp_path: Path) -> "Recording":
    """A logger that writes down all its calls: `ftk_small_run(..., *recording.arguments)`, then `recording.calls()`."""
    from ftk.testing.recording import Recording

    return Recording(tmp_path / "recording.py", tmp_path / "recorded.jsonl")
