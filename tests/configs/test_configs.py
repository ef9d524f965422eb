"""Every config in configs/ says what it is for, is valid, and leads to a plan."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ftk.testing.calls import SCRIPTS

CONFIGS = Path(__file__).parents[2] / "configs"

NAMES = sorted(path.stem for path in CONFIGS.glob("*.yml"))

SEEDS = {"mistral-memorize", "mistral", "mixtral", "mixtral_out_of_box", "llama-3", "codellama", "pythia"}


def ftk(*arguments: str, folder: Path) -> str:
    """The output of a call of ftk that must succeed."""
    variables = {**os.environ, "FTK_RUNS_DIR": str(folder / "runs"), "FTK_CACHE_DIR": str(folder / "cache")}
    done = subprocess.run(
        [f"{SCRIPTS}/ftk", *arguments], cwd=CONFIGS.parent, env=variables, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_configs_that_people_know_are_there() -> None:
    assert set(NAMES) >= SEEDS


@pytest.mark.parametrize("name", NAMES)
def test_a_config_opens_with_its_use_and_leads_to_a_plan(name: str, tmp_path: Path) -> None:
    head = (CONFIGS / f"{name}.yml").read_text().splitlines()[:3]
    assert head[0].startswith("# Purpose: ") and head[0].endswith(".")
    assert head[1] == f"# Run:      ftk run configs/{name}.yml"
    command = head[2].removeprefix("# Change:   ftk ")
    assert command.startswith(f"run configs/{name}.yml --set ")
    output = ftk(*command.split(), "--dry-run", folder=tmp_path)
    assert output.startswith("would do, and nothing was changed:")
    assert list(tmp_path.iterdir()) == []


def test_sample_chats_are_what_their_generator_writes(tmp_path: Path) -> None:
    for name in ("make_chats.py", "sqlqa.jsonl"):
        shutil.copy(CONFIGS / "data" / name, tmp_path)
    subprocess.run(["python", tmp_path / "make_chats.py"], check=True)
    for name in ("chats.jsonl", "preferences.jsonl"):
        assert (tmp_path / name).read_bytes() == (CONFIGS / "data" / name).read_bytes()
