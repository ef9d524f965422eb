"""`ftk plugins new` makes packages that work as they stand."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ftk.errors import UsageError
from ftk.scaffold.package import KINDS, PLACEHOLDER, create_package

SLOW = {"engine", "backend"}
"""Kinds whose tests do whole runs."""


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=[pytest.mark.slow] * (kind in SLOW)) for kind in KINDS])
def test_a_new_package_passes_its_own_tests_and_the_check(kind: str, tmp_path: Path) -> None:
    package, site = tmp_path / "package", tmp_path / "site"
    create_package(f"my_{kind}", kind, package)
    install = ["install", "-q", "--no-deps", "--no-build-isolation", "--target", site, package]
    _run([sys.executable, "-m", "pip", *install], tmp_path)
    tested = _run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], package, site)
    assert " passed" in tested
    assert "no " not in [
        line[:3] for line in _run(["ftk", "plugins", "check", f"my_{kind}"], tmp_path, site).splitlines()
    ]


def _run(command: list, folder: Path, site: Path | None = None) -> str:
    variables = {**os.environ, **({"PYTHONPATH": str(site)} if site else {})}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_the_templates_is_left_in_a_package(kind: str, tmp_path: Path) -> None:
    for path in create_package("river", kind, tmp_path / "package"):
        assert PLACEHOLDER not in path.name
        assert PLACEHOLDER not in path.read_text().lower()
        assert "_SENTENCE" not in path.read_text()


@pytest.mark.parametrize("name", ["my-logger", "Logger", "2fast", ""])
def test_a_name_that_python_does_not_know_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no name for a plugin"):
        create_package(name, "logger", tmp_path / "package")


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is there already"):
        create_package("river", "logger", tmp_path)
    assert list(tmp_path.iterdir()) == []
