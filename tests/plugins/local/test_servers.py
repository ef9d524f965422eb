"""Servers are known by a variable of their processes, which may be a person's own too."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftk.plugin import Home
from ftk_local.backend import LocalBackend
from ftk_local.keeper import SERVER_VARIABLE


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture(
    params=["http://127.0.0.1:8000", "8000", "null", "[]", '{"host": "x"}', '{"runs_folder": "RUNS"}', "\udcff"]
)
def stranger(request: pytest.FixtureRequest, runs: Path) -> Iterator[None]:
    """A process that has the variable with another meaning."""
    variables = {**os.environ, SERVER_VARIABLE: request.param.replace("RUNS", str(runs))}
    process = subprocess.Popen(["sleep", "600"], env=variables)
    yield
    process.kill()
    process.wait()


@pytest.mark.usefixtures("stranger")
def test_a_variable_of_that_name_with_another_meaning_is_no_server(runs: Path, tmp_path: Path) -> None:
    assert LocalBackend(Home(runs, tmp_path / "cache")).servers() == []
