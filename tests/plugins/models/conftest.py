"""Ways to fetch a model."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

Fetch = Callable[..., dict[str, Any]]


@pytest.fixture
def fetch(tmp_path: Path) -> Fetch:
    """Fetches a model in a process of its own; takes its name, a run, and environment variables.

    Without its name, the run is a new one.
    """
    numbers = count()

    def start(
        ref: str, revision: str | None = None, only: bool = False, run: str | None = None, **variables: str
    ) -> dict[str, Any]:
        folder = tmp_path / (run or f"run-{next(numbers)}")
        folder.mkdir(exist_ok=True)
        # Neither the settings nor the hub's cache of whoever runs the tests.
        own = ("HF_", "PIP_INDEX", "PIP_EXTRA", "PIP_FIND", "PIP_NO_INDEX", "PIP_CONFIG")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        named = {"HF_HOME": str(tmp_path / "hub"), "PIP_CONFIG_FILE": os.devnull, **variables}
        config = json.dumps({"base_model": ref, "revision_of_model": revision})
        argv = [str(Path(__file__).with_name("fetch.py")), str(folder), str(tmp_path / "cache"), config]
        done = subprocess.run(
            [sys.executable, *argv, *(["only"] if only else [])],
            env={**kept, **named},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    return start
