"""An outside package, from its wheel: an engine in its own interpreter, a format, a logger, a model source."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ftk import plugin
from ftk.testing.calls import Ftk

HERE = Path(__file__).parent

CONFIG = """\
base_model: {model}
datasets:
  - path: fables.jsonl
    type: fable
    heading: "So: "
val_set_size: 2
max_steps: 6
ftk:
  engine: {engine}
  stages: {stages}
  loggers: [basket]
  evaluate: {{rows: 2, max_new_tokens: 4}}
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the package's wheel is installed."""
    built, target = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip"]
    quick = ["-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "wheel", *quick, "--wheel-dir", built, HERE], check=True)
    subprocess.run([*pip, "install", *quick, "--target", target, *built.glob("*.whl")], check=True)
    return target


@pytest.fixture
def ftk(site: Path, ftk_call: Ftk) -> Ftk:
    """Calls ftk where the package is installed."""
    ftk_call.variables["PYTHONPATH"] = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    rows = [{"fable": f"Tree {number} bore {number} apples.", "moral": f"Count to {number}."} for number in range(12)]
    (ftk_call.folder / "fables.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ftk_call


def _run(ftk: Ftk, engine: str, stages: str = "{}", model: str = "orchard://apple", *more: str) -> None:
    (ftk.folder / "config.yml").write_text(CONFIG.format(engine=engine, stages=stages, model=model))
    done = ftk("run", "config.yml", *more)
    assert done.returncode == 0, done.stderr


def _basket(ftk: Ftk) -> list[str]:
    return (ftk.run_folder() / "basket.txt").read_text().splitlines()


def test_it_does_a_whole_run_in_its_own_interpreter(ftk: Ftk) -> None:
    _run(ftk, "orchard", "{merge: orchard, generate: orchard}")
    steps = [line for line in _basket(ftk) if line.startswith("step")]
    assert [line.split()[1] for line in steps] == ["1", "2", "3", "4", "5", "6"]
    assert float(steps[-1].split()[3]) < float(steps[0].split()[3])
    assert _basket(ftk)[-1] == "finished"
    (command, *_) = [event for event in ftk.events("command_started") if event["stage"] == "train"]
    assert "bigrams.py" in " ".join(command["argv"])
    assert list(ftk.cache.glob("environments/orchard-*/bin/python"))


def test_its_format_logger_and_model_work_with_the_embedded_engine(ftk: Ftk) -> None:
    _run(ftk, "transformers", "{}")
    assert len([line for line in _basket(ftk) if line.startswith("step")]) == 6
    sample = json.loads((ftk.run_folder() / "last_run_prepared/samples.jsonl").read_text().splitlines()[0])
    assert "So: " in sample["prompt"]


def test_its_format_logger_and_model_work_with_axolotl(
    ftk: Ftk, axolotl: dict[str, str], axolotl_options: tuple[str, ...]
) -> None:
    ftk.variables.update(axolotl)
    more = ("--until", "train", "--set", "learning_rate=1e-3")
    _run(ftk, "transformers", "{}", "orchard://apple", *more, *axolotl_options)
    assert len([line for line in _basket(ftk) if line.startswith("step")]) == 6
    sample = json.loads((ftk.run_folder() / "last_run_prepared/samples.jsonl").read_text().splitlines()[0])
    assert "So: " in sample["prompt"]


def test_it_keeps_the_rules_of_its_kinds(ftk: Ftk) -> None:
    checked = ftk("plugins", "check", "orchard")
    assert checked.returncode == 0, checked.stdout
    assert "format fable:" in checked.stdout
    assert "logger basket:" in checked.stdout
    assert "A killed training goes on" in checked.stdout or "A training that is killed goes on" in checked.stdout


def test_it_knows_the_public_interface_only() -> None:
    sources = {path.name: path.read_text() for path in HERE.glob("ftk_orchard/*.py")}
    imported = {
        (name, module)
        for name, text in sources.items()
        for module in re.findall(r"^\s*(?:from|import) +(ftk[\w.]*)", text, re.MULTILINE)
    }
    public = {plugin.__name__, "ftk.testing.tiny_model", "ftk_orchard.format", "ftk_orchard.logger"}
    assert {module for name, module in imported if name != "bigrams.py"} <= public
    assert {module for name, module in imported if name == "bigrams.py"} == {"ftk.reporter"}
