"""Runs on Modal end as they do on this machine, with whatever plugins they have."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ftk.testing.backends import Subject
from ftk.testing.calls import Ftk
from ftk.testing.tiny_model import write_tiny_model

pytestmark = pytest.mark.slow

ORCHARD = Path(__file__).parents[3] / "third_party"

ROWS = [{"question": f"what is {number} and {number}?", "answer": str(2 * number)} for number in range(32)]

CONFIG = """\
base_model: model
datasets:
  - path: data.jsonl
    type: {field_instruction: question, field_output: answer}
val_set_size: 4
adapter: lora
lora_r: 4
lora_dropout: 0.1
lora_target_linear: true
micro_batch_size: 2
max_steps: 10
save_steps: 2
learning_rate: 1e-2
ftk:
  evaluate: {rows: 2, max_new_tokens: 4}
  loggers: [jsonl, tensorboard]
"""


def _write(folder: Path) -> None:
    write_tiny_model(folder / "model")
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (folder / "config.yml").write_text(CONFIG)


def _weights(run: Path) -> dict[str, bytes]:
    folders = (run / "lora-out", run / "lora-out/merged")
    return {
        str(item.relative_to(run)): item.read_bytes() for folder in folders for item in folder.glob("*.safetensors")
    }


def _losses(printed: str) -> dict[str, Any]:
    """What `ftk eval --json` says, but for of which run and when."""
    return {name: value for name, value in json.loads(printed).items() if name not in ("run", "time")}


def test_a_real_run_gives_the_same_models_here_and_there(far: Ftk, standin: Any) -> None:
    _write(far.folder)
    there = far("run", "config.yml", "--engine", "transformers")
    assert there.returncode == 0, there.stderr
    here = far("run", "config.yml", "--engine", "transformers", FTK_BACKEND="local")
    assert here.returncode == 0, here.stderr
    [local] = (far.folder / "runs").glob("ftk-*")
    ours, theirs = _weights(local), _weights(far.run_folder())
    assert sorted(ours) == ["lora-out/adapter_model.safetensors", "lora-out/merged/model.safetensors"]
    assert sorted(theirs) == sorted(ours)
    assert [name for name in ours if ours[name] != theirs[name]] == []
    # Loggers worked in the driver's container, beside the events of another one.
    logged = [json.loads(line) for line in (far.run_folder() / "metrics.jsonl").read_text().splitlines()]
    assert {line["step"] for line in logged if "train/loss" in line} == set(range(1, 11))
    assert list(far.run_folder().glob("tensorboard/*"))
    shown = far("show", "latest")
    assert "finished" in shown.stdout
    asked = far("infer", "--field", "question=what is 1 and 1?")
    assert asked.returncode == 0, asked.stderr
    pulled = far("pull", "latest", "lora-out/merged", "--to", "models")
    assert pulled.returncode == 0, pulled.stderr
    merged = "lora-out/merged/model.safetensors"
    assert (far.folder / "models" / merged).read_bytes() == ours[merged]
    losses = [far("eval", "--rows", 2, "--json", FTK_BACKEND=backend) for backend in ("modal", "local")]
    assert [done.returncode for done in losses] == [0, 0], [done.stderr for done in losses]
    assert _losses(losses[0].stdout) == _losses(losses[1].stdout)
    folder = far.run_folder()
    removed = far("rm", "latest", "--yes")
    assert removed.returncode == 0, removed.stderr
    assert not folder.exists()
    assert json.loads(far("runs", "--json").stdout) == []


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the wheel of an outside package is installed."""
    built, target = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip"]
    quick = ["-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "wheel", *quick, "--wheel-dir", built, ORCHARD], check=True)
    subprocess.run([*pip, "install", *quick, "--target", target, *built.glob("*.whl")], check=True)
    return target


@pytest.fixture
def compiled(tmp_path: Path) -> Path:
    """A folder with a package that brings the plugin `riddles` and has compiled parts."""
    about = tmp_path / "compiled/fast_riddles-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: fast-riddles\nVersion: 1.0\n")
    (about / "WHEEL").write_text("Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-linux_x86_64\n")
    (about / "entry_points.txt").write_text("[ftk]\nriddles = fast_riddles\n")
    (about.parent / "fast_riddles.py").write_text("raise SystemExit('it was to be left out')\n")
    return about.parent


def test_an_outside_package_and_a_single_file_work_there(
    far: Ftk, subject: Subject, site: Path, compiled: Path, standin: Any
) -> None:
    rows = [{"fable": f"Tree {number} bore {number} apples.", "moral": f"Count to {number}."} for number in range(12)]
    (far.folder / "fables.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (far.folder / "config.yml").write_text(
        """\
base_model: orchard://apple
datasets:
  - {path: fables.jsonl, type: fable, heading: "So: "}
val_set_size: 2
max_steps: 6
ftk:
  engine: abacus
  stages: {merge: abacus, generate: abacus}
  loggers: [basket]
  evaluate: {rows: 2, max_new_tokens: 4}
"""
    )
    # One that is blocked, since it cannot be brought, is blocked and known there too.
    engine = far.folder / "abacus.py"
    hook = '    steps = str(run.config["max_steps"])\n'
    assert hook in engine.read_text()
    engine.write_text(
        engine.read_text().replace(
            hook, f"{hook}    print('blocked:', __import__('ftk.plugin').plugin.disabled_here())\n"
        )
    )
    places = [str(site), str(compiled), *filter(None, [os.environ.get("PYTHONPATH")])]
    search = {"PYTHONPATH": os.pathsep.join(places), "FTK_DISABLE_PLUGINS": "riddles"}
    done = far("run", "config.yml", "--plugin", "abacus.py", "--until", "train", **search)
    assert done.returncode == 0, done.stderr
    assert "blocked: ['riddles']" in far("logs").stdout
    done = far("run", "--resume", "latest", "--set", "ftk.evaluate.rows=1", **search)
    assert done.returncode == 0, done.stderr
    basket = (far.run_folder() / "basket.txt").read_text().splitlines()
    assert [line.split()[1] for line in basket if line.startswith("step")] == ["1", "2", "3", "4", "5", "6"]
    sample = json.loads((far.run_folder() / "last_run_prepared/samples.jsonl").read_text().splitlines()[0])
    assert "So: " in sample["prompt"]
    commands = [
        text for request in standin.requests("ImageGetOrCreate") for text in request.message.image.dockerfile_commands
    ]
    assert any(
        re.search(r"uv pip install .*ftk-orchard @ file:///given/\w+/ftk_orchard-1.0", text) for text in commands
    )


def test_an_engine_with_an_environment_of_its_own_works_there(far: Ftk, site: Path, standin: Any) -> None:
    rows = [{"fable": f"Tree {number} bore {number} apples.", "moral": f"Count to {number}."} for number in range(12)]
    (far.folder / "fables.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (far.folder / "config.yml").write_text(
        """\
base_model: orchard://apple
datasets:
  - {path: fables.jsonl, type: fable}
max_steps: 4
ftk:
  engine: orchard
  stages: {merge: orchard, generate: orchard}
  evaluate: {rows: 1, max_new_tokens: 2}
"""
    )
    search = {"PYTHONPATH": os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))}
    done = far("run", "config.yml", **search)
    assert done.returncode == 0, done.stderr
    argv = [event["argv"] for event in far.events("command_started")]
    assert any("bigrams.py" in " ".join(parts) for parts in argv)
    assert "Modal makes the image of orchard, once for its content" in done.stderr
    asked = far("infer", "Tree 3 bore", **search)
    assert asked.returncode == 0, asked.stderr
    assert "Modal makes" not in asked.stderr
    # A container's token may not be allowed to deploy.
    deployments = standin.requests("AppCreate", "AppGetOrCreate", "AppPublish")
    assert deployments
    assert {request.caller for request in deployments} == {"client"}
