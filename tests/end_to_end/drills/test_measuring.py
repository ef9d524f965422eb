"""What can be wrong with a model, rows or metrics when a model is measured or asked."""

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from ftk.testing.calls import PATIENCE, Ftk

SCORED = ("--set", "ftk.stages.score=toy", "--set", "ftk.evaluate.rows=0")

METRICS = """\
def fails(prompt, answer, expected):
    return 1 / 0

def fine(prompt, answer, expected):
    return 1

value = 3
"""


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, make_ftk: Callable[[Path], Ftk], write_toy_config: Callable[[Path], Path]
) -> Ftk:
    """Calls ftk where a run has trained."""
    folder = tmp_path_factory.mktemp("measuring")
    ftk = make_ftk(folder)
    done = ftk("run", write_toy_config(folder), *SCORED)
    assert done.returncode == 0, done.stderr
    (folder / "metrics.py").write_text(METRICS)
    (folder / "broken.py").write_text("import nothing_of_this_name\n")
    (folder / "rows.jsonl").write_text('{"question": 1, "answer": "x"}\n{"answer": "x"}\n')
    (folder / "empty.jsonl").write_text("")
    return ftk


def evaluations(ftk: Ftk) -> int:
    return len(list(ftk.run_folder().glob("evaluations/*.json")))


@pytest.mark.parametrize(
    ("arguments", "message", "remedy"),
    [
        (["--metric", "metrics.py"], "--metric metrics.py: no function is named", "my_metrics.py:same_words"),
        (["--metric", "absent.py:x"], "absent.py is no Python file", "my_metrics.py:same_words"),
        (["--metric", "metrics.py:value"], "metrics.py has no function value", "(prompt, answer, expected)"),
        (["--metric", "broken.py:x"], "broken.py cannot be run: ModuleNotFoundError: No module", "mend it"),
        (["--data", "absent.jsonl"], "--data absent.jsonl: No such file", "name a file of rows"),
        (["--data", "empty.jsonl"], "--data empty.jsonl is empty", "name a file of rows"),
        (["--data", "runs"], "--data runs: Is a directory", "name a file of rows"),
        (
            ["--data", "rows.jsonl"],
            "rows.jsonl:1: the field `question` is 1, not text; put it in quotes",
            "rows.jsonl:2",
        ),
    ],
    ids=lambda value: "" if isinstance(value, str) else " ".join(value),
)
def test_what_is_wrong_with_a_call_is_told(trained: Ftk, arguments: list[str], message: str, remedy: str) -> None:
    before = sorted(item.name for item in trained.run_folder().iterdir())
    done = trained("eval", *arguments)
    first, second = done.stderr.splitlines()[-2:]
    assert (done.returncode, done.stdout) == (2, "")
    assert first.startswith(f"error: {message}") and remedy in second
    assert sorted(item.name for item in trained.run_folder().iterdir()) == before


def test_a_metric_that_fails_costs_no_answers(trained: Ftk) -> None:
    before = evaluations(trained)
    done = trained("eval", "--metric", "metrics.py:fine", "--metric", "metrics.py:fails", "--json")
    assert done.returncode == 1
    assert "error: metrics.py: fails failed at row " in done.stderr
    assert done.stderr.splitlines()[-2].endswith(": ZeroDivisionError: division by zero")
    measured = [measure["name"] for measure in json.loads(done.stdout)["measures"]]
    assert measured == ["loss", "perplexity", "exact match", "fine"]
    assert evaluations(trained) == before + 1


def test_ctrl_c_leaves_nothing(trained: Ftk) -> None:
    before = evaluations(trained)
    process = trained.start("eval", TOY_PAUSE="600")
    trained.wait_for(lambda: list(trained.run_folder().glob("evaluate-*/answers/base/prompts.jsonl")))
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output) == (130, "")
    assert errors.endswith("stopped\n")
    assert not list(trained.run_folder().glob("evaluate-*"))
    assert evaluations(trained) == before


@pytest.mark.slow
def test_a_run_that_held_nothing_out_is_told(ftk: Ftk, toy_config: Path) -> None:
    ftk("run", toy_config, *SCORED, "--set", "val_set_size=0")
    run = ftk.run_folder().name
    done = ftk("eval")
    assert (done.returncode, done.stdout) == (2, "")
    remedy = "give others: --data FILE, or train with val_set_size or test_datasets"
    assert done.stderr == f"error: {run} has held no rows out\n  {remedy}\n"
    assert ftk("eval", "--data", "data.jsonl").returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("command", [("infer", "hello"), ("eval",)], ids=" ".join)
def test_a_model_that_is_gone_is_told(ftk: Ftk, toy_config: Path, command: tuple[str, ...]) -> None:
    ftk("run", toy_config, *SCORED)
    shutil.rmtree(ftk.run_folder() / "lora-out/merged")
    done = ftk(*command)
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert first == f"error: {ftk.run_folder() / 'lora-out/merged'} is gone"
    assert second == f"  `ftk run --resume {ftk.run_folder().name}` makes it again"


@pytest.mark.slow
@pytest.mark.parametrize("command", [("infer", "hello", "--run", "latest"), ("eval", "latest")], ids=" ".join)
def test_a_run_without_a_model_is_told(ftk: Ftk, toy_config: Path, command: tuple[str, ...]) -> None:
    ftk("run", toy_config, *SCORED, "--until", "stage_data")
    done = ftk(*command)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {ftk.run_folder().name} has no ")
    assert done.stderr.splitlines()[1] == f"  `ftk run --resume {ftk.run_folder().name}`"
