"""Every benchmark runs and prints its figures; what they are is not judged here."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SHORT = [part for key in ("max_steps=1", "ftk.evaluate={rows: 1, max_new_tokens: 4}") for part in ("--set", key)]
"""As little of a run as has every figure; `tests/end_to_end/test_readme.py` does all of it."""


def _run(*arguments: str) -> str:
    script = Path(__file__).parent / "run.py"
    done = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", ["help", "runs"])
def test_a_ratio_is_printed(name: str) -> None:
    assert re.search(r"= \d+\.\d+$", _run(name, "--rounds", "1").strip())


@pytest.mark.slow
def test_the_quickstarts_figures_are_printed() -> None:
    printed = _run("quickstart", *SHORT)
    for name in ("stage_data", "prepare_model", "train", "merge", "evaluate", "in all", "peak memory"):
        assert re.search(rf"^quickstart {name} +\d+", printed, re.MULTILINE), name


@pytest.mark.slow
def test_the_ratios_of_staging_are_printed() -> None:
    printed = _run("staging", "--rows", "200", "--rounds", "1")
    for name in ("staging / encode_batch", "unchanged data / staging"):
        assert re.search(rf"^{name}: .* = -?\d+\.\d+$", printed, re.MULTILINE), name


@pytest.mark.slow
def test_the_ratio_of_steps_with_loggers_is_printed() -> None:
    printed = _run("loggers", "--steps", "4", "--rounds", "1")
    assert re.search(r"^step with 5 loggers / without: .* = \d+\.\d+$", printed.strip())


@pytest.mark.slow
def test_the_figures_of_merging_are_printed() -> None:
    printed = _run("merging", "--layers", "1", "--width", "64", "--rounds", "1")
    for name in ("merge / peft", r"merge / \(cp \+ import torch\)", "memory of the merge of 2 layers / .*"):
        assert re.search(rf"^{name}: .*\d+\.\d+$", printed, re.MULTILINE), name


@pytest.mark.slow
def test_the_ratio_of_trainings_is_printed() -> None:
    printed = _run("training", "--steps", "3", "--rounds", "1")
    assert re.search(r"largest difference of 3 losses: \S+ of \d", printed)
    assert re.search(r"training / SFTTrainer by hand: .* = \d+\.\d+$", printed.strip())


@pytest.mark.slow
def test_axolotls_ratio_is_printed(axolotl_python: str) -> None:
    script = Path(__file__).parent / "axolotl_by_hand.py"
    variables = {**os.environ, "FTK_TEST_AXOLOTL": axolotl_python}
    done = subprocess.run([sys.executable, script, "--rounds", "1"], env=variables, capture_output=True, text=True)
    assert re.search(r"= \d+\.\d+$", done.stdout.strip()), done.stderr


@pytest.mark.slow
def test_the_ratios_of_vllm_are_printed(vllm_python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTK_TEST_VLLM", vllm_python)
    printed = _run("serving", "--rounds", "1")
    for name in ("start", "throughput"):
        assert re.search(rf"^{name} of vLLM by ftk / by hand: .* = \d+\.\d+$", printed, re.MULTILINE), name


@pytest.mark.slow
def test_the_ratio_of_pulling_is_printed() -> None:
    pytest.importorskip("modal")
    printed = _run("pulling", "--megabytes", "1", "--rounds", "1")
    assert re.search(r"^pull of 1 MB / modal volume get: .* = \d+\.\d+$", printed.strip())
