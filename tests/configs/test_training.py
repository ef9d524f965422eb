"""A few of the configs train for real, with a tiny model of the same architecture; `train_all.py` does so with all."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("train_all.py")

CONFIGS = Path(__file__).parents[2] / "configs"

CHOSEN = ("mistral-memorize", "qwen3-dpo")
"""New tokens, whole embeddings and ZeRO-3; a chat template and pairs of answers."""


def call(*arguments: str) -> str:
    """The output of the script, which must succeed."""
    done = subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, timeout=290)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_config_for_axolotl_has_a_tiny_model() -> None:
    names = [path.stem for path in CONFIGS.glob("*.yml") if "engine: axolotl" in path.read_text()]
    assert call("--list").split() == sorted(names)


@pytest.mark.slow
@pytest.mark.parametrize("name", CHOSEN)
def test_a_config_trains(name: str, axolotl: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in axolotl.items():
        monkeypatch.setenv(variable, value)
    assert call(name) == f"{name}: trained\n"
