"""The real `ftk` on the stand-in for Modal."""

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ftk.testing.backends import Subject
from ftk.testing.calls import SCRIPTS, Ftk

_numbers = count()


@pytest.fixture
def far(tmp_path: Path, standin: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ftk]:
    """Calls `ftk` with its runs on a volume of the test's own; `runs` is the folder in which the stand-in keeps it."""
    volume = f"runs-{os.getpid()}-{next(_numbers)}"
    variables = {
        **standin.variables,
        "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}",
        "FTK_BACKEND": "modal",
        "FTK_MODAL_RUNS": volume,
        "FTK_RUNS_DIR": str(tmp_path / "runs"),
        "FTK_CACHE_DIR": str(tmp_path / "cache"),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)  # for what is called in this process
    calls = Ftk(tmp_path, standin.volume(volume), tmp_path / "cache", variables)
    yield calls
    calls.kill_all()


@pytest.fixture
def subject(far: Ftk) -> Subject:
    """A backend with an engine that needs no time, in a single file."""
    return Subject("modal", far)


@pytest.fixture
def slow_subject(subject: Subject) -> Subject:
    """The same, with 50 steps a second."""
    engine = subject.ftk.folder / "abacus.py"
    step = "        row = self.rows["
    source = engine.read_text()
    assert step in source
    engine.write_text(source.replace(step, f"        __import__('time').sleep(0.02)\n{step}"))
    return subject


@pytest.fixture
def wait_for_step(far: Ftk) -> Callable[[int], None]:
    """Waits until the training has reported a step."""

    def wait(step: int) -> None:
        far.wait_for(lambda: any(event["step"] >= step for event in far.events("metrics")) if far.has_run() else False)

    return wait
