"""Without any one plugin (its folder, its lines in pyproject.toml, its tests) the other tests stay green."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

REMOVABLE = ("axolotl", "jsonl", "mlflow", "modal", "tensorboard", "vllm", "wandb")
"""The others are what plain tests run with: data, models, merging, an engine and a place."""

TESTS = (
    *(f"tests/core/test_{name}.py" for name in ("config", "documents", "layout", "manager", "testing", "whole_schema")),
    "tests/end_to_end/test_writes.py",
    *(f"tests/end_to_end/drills/test_{name}.py" for name in ("keys", "types")),
    "tests/end_to_end/test_transcripts.py::test_a_transcript[a config is validated]",
    "tests/end_to_end/test_transcripts.py::test_a_transcript[what keeps runs from working is found]",
)
"""Those that look at what is installed, or speak of it."""


@pytest.mark.slow
@pytest.mark.parametrize("plugin", REMOVABLE)
def test_without_a_plugin_the_other_tests_stay_green(plugin: str, root: Path, tmp_path: Path) -> None:
    _copy(root, tmp_path)
    _remove(plugin, tmp_path)
    _install(tmp_path)
    paths = [tmp_path / name for name in ("installed", "core", "plugins")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *TESTS],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]


def _copy(root: Path, folder: Path) -> None:
    for name in ("core", "plugins", "tests", "configs"):
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("README.md", "CONTRIBUTING.md", "LICENSE", "pyproject.toml"):
        shutil.copy(root / file, folder)


def _remove(plugin: str, folder: Path) -> None:
    shutil.rmtree(folder / "plugins" / f"ftk_{plugin}")
    shutil.rmtree(folder / "tests" / "plugins" / plugin, ignore_errors=True)
    project = folder / "pyproject.toml"
    lines = [line for line in project.read_text().splitlines(keepends=True) if f"ftk_{plugin}" not in line]
    project.write_text("".join(lines))
    # The checkout that the copy is of is installed too: its plugin must not be found instead.
    (folder / "installed").mkdir()
    (folder / "installed" / f"ftk_{plugin}.py").write_text(f"raise ModuleNotFoundError('ftk_{plugin} is gone')\n")


def _install(folder: Path) -> None:
    """Let Python find the copy's entry points, before those of the checkout that it is of."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    info = folder / "installed" / f"{project['name'].replace('-', '_')}-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0\n")
    groups: Mapping[str, Mapping[str, str]] = project["entry-points"]
    lines = [
        line
        for group, entries in groups.items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
