"""Images are made of what is installed here and of the plugins' locks."""

import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from ftk.plugin import Environment, Home, UsageError
from ftk_modal.images import VENV, lock_recipe, own_recipe
from ftk_modal.wheels import own_wheel, pack

NOTHING: dict[str, Any] = {"base": None, "apt": [], "pip": [], "commands": []}

LOCK = """\
python: 3.11
size: 10

[pip install --no-deps]
torch==2.13.0

[pip uninstall]
torchvision

[optional pip install --no-deps]
flash-attn==2.8.3+cu{cuda}torch{torch}
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "runs", tmp_path / "cache")


@pytest.fixture
def engine(tmp_path: Path) -> Environment:
    lock = tmp_path / "lock.txt"
    lock.write_text(LOCK)
    return Environment("engine", locks={"cuda": lock}, accelerator="cuda")


def test_ftk_travels_as_a_wheel_with_all_its_files_and_entry_points(tmp_path: Path) -> None:
    wheel = own_wheel()
    with zipfile.ZipFile(BytesIO(wheel.content)) as archive:
        names = archive.namelist()
        entries = archive.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
    assert {"ftk/cli/run.py", "ftk_modal/inside.py", "ftk/py.typed", "ftk_axolotl/locks/cuda.txt"} <= set(names)
    assert "modal = ftk_modal.plugin" in entries
    assert not [name for name in names if "__pycache__" in name]
    assert pack(distribution("finetune-kit")).digest == wheel.digest
    path = tmp_path / wheel.file
    path.write_bytes(wheel.content)
    target = ["--target", str(tmp_path / "site")]
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", *target, str(path)], check=True)
    assert (tmp_path / "site/ftk_modal/inside.py").is_file()


def test_a_package_that_was_installed_from_a_wheel_is_packed_again() -> None:
    wheel = pack(distribution("pluggy"))
    assert wheel.file.startswith("pluggy-")
    with zipfile.ZipFile(BytesIO(wheel.content)) as archive:
        assert "pluggy/_hooks.py" in archive.namelist()
    with pytest.raises(UsageError, match="compiled parts"):
        pack(distribution("pyyaml"))


def test_only_the_extras_that_a_run_needs_are_installed(home: Home) -> None:
    def installed(*modules: str) -> str:
        steps = own_recipe(home, frozenset(modules), NOTHING).steps
        return " ".join(next(arguments for method, arguments, _ in steps if method == "uv_pip_install"))

    assert "finetune-kit @ file:///given/" in installed()
    assert "finetune-kit[transformers] @ file:///given/" in installed("torch", "peft")
    assert "finetune-kit[mlflow,wandb] @ file:///given/" in installed("wandb", "mlflow")


def test_a_lock_becomes_a_venv_in_the_image(home: Home, engine: Environment) -> None:
    recipe = lock_recipe(home, engine, {**NOTHING, "apt": ["git"], "commands": ["echo end"]})
    assert recipe.python == f"{VENV}/bin/python"
    assert [method for method, _, _ in recipe.steps] == [
        "from_registry",
        "entrypoint",
        "apt_install",
        "uv_pip_install",
        "add_local_file",
        "add_local_file",
        "add_local_file",
        "run_commands",
        "add_local_file",
        "uv_pip_install",
        "run_commands",
    ]
    base, commands = recipe.steps[0][1][0], recipe.steps[7][1]
    assert base.startswith("nvidia/cuda:")
    into = f"--python {VENV}/bin/python"
    assert commands[0] == f"uv venv --python 3.11 {VENV}"
    assert commands[1].startswith(f"uv pip install {into} --no-deps -r /given/")
    assert commands[2].startswith(f"uv pip uninstall {into} -r /given/")
    assert commands[3].endswith("|| echo passed over")
    assert recipe.steps[9] == ("uv_pip_install", recipe.steps[9][1], {"extra_options": "--no-deps"})
    with pytest.raises(UsageError, match="no lock for cpu"):
        lock_recipe(home, Environment("engine", locks=engine.locks), NOTHING)


def test_an_optional_step_is_filled_in_with_the_versions_that_are_there(home: Home, engine: Environment) -> None:
    command = lock_recipe(home, engine, NOTHING).steps[6][1][3]
    listed = next(path for path in home.cache.rglob("step-3.txt"))
    command = command.replace(f"/given/{listed.parent.name}/{listed.name}", str(listed))
    # The interpreter of the tests has PyTorch; what would be installed is only printed.
    script = command.replace(f"{VENV}/bin/python", sys.executable).replace("uv pip install", "echo")
    script = script.replace("-r /tmp/fitting.txt", "&& cat /tmp/fitting.txt")
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "flash-attn==2.8.3+cutorch2.13", done.stderr


def test_the_same_content_is_the_same_image_wherever_it_was_made(tmp_path: Path, engine: Environment) -> None:
    one, two = (Home(tmp_path / name, tmp_path / name) for name in ("a", "b"))
    assert lock_recipe(one, engine, NOTHING).digest == lock_recipe(two, engine, NOTHING).digest
    assert own_recipe(one, frozenset(), NOTHING).digest == own_recipe(two, frozenset(), NOTHING).digest
    assert own_recipe(one, frozenset({"torch"}), NOTHING).digest != own_recipe(one, frozenset(), NOTHING).digest
