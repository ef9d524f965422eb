"""The README, typed by a stranger: in a fresh copy and environment, its transcripts compared."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PATIENCE = 1200
"""Seconds that one command may take: the first one installs everything."""


def _copy_of(root: Path, target: Path) -> Path:
    """The project as a clone would have it, with what is not committed yet."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=root, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (root / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, target / name)
    return target


def _environment(tmp_path: Path) -> dict[str, str]:
    """A new virtual environment and a home of its own."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    search = f"{tmp_path / 'venv/bin'}:/usr/local/bin:/usr/bin:/bin"
    return {"PATH": search, "XDG_CACHE_HOME": str(tmp_path / "home-cache"), "VIRTUAL_ENV": str(tmp_path / "venv")}


@pytest.mark.slow
def test_a_stranger_can_type_the_readme_from_top_to_bottom(tmp_path: Path, root: Path, play) -> None:
    readme = (root / "README.md").read_text()
    folder = _copy_of(root, tmp_path / "finetune-kit")
    variables = _environment(tmp_path)
    install, _, first = _main_command(readme).partition(" && ")
    play(f"$ {install}\n...", folder, variables, PATIENCE)
    blocks = re.findall(r"```console\n(.*?)```", readme, re.DOTALL)
    assert blocks[0].startswith(f"$ {first}\n"), "the first transcript is not of the main command"
    for block in blocks:
        play(block, folder, variables, PATIENCE)
    _assert_memorised(folder)


def _main_command(readme: str) -> str:
    match = re.search(r'^    (pip install -e "\.\[transformers\]" && ftk run .*)$', readme, re.MULTILINE)
    assert match, "the README does not lead with its main command"
    return match[1]


def _assert_memorised(folder: Path) -> None:
    """The first run answers at least 90% of its training rows exactly, and its base model none of them."""
    import json

    first = min((folder / "runs").glob("ftk-*"))
    scores = json.loads((first / "summary.json").read_text())["scores"]
    (train,) = [score for score in scores if score["split"] == "train"]
    assert train["rows"] == 32
    assert train["tuned"] >= 0.9 * train["rows"]
    assert train["base"] < train["tuned"]
