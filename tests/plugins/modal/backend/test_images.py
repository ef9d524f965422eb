"""Images are made of what is installed here and of the plugins' locks."""

import os
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
from ftk_modal.options import Names, Options
from ftk_modal.sites import Sites
from ftk_modal.wheels import own_wheel, pack, plugin_wheels

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
    assert pack(distribution("finetune-kit")).content == wheel.content
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


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a plugin whose distribution has compiled parts."""
    about = tmp_path / "site/fast_riddles-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: fast-riddles\nVersion: 1.0\nRequires-Dist: numpy\n")
    (about / "WHEEL").write_text("Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-cp311-linux_x86_64\n")
    (about / "entry_points.txt").write_text("[ftk]\nriddles = fast_riddles\n")
    (about / "RECORD").write_text("fast_riddles.so,,\n")
    monkeypatch.syspath_prepend(str(about.parent))
    plugin_wheels.cache_clear()
    return "riddles"


def test_a_disabled_plugin_is_known_in_an_image_by_its_name_alone(
    home: Home, compiled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"modal": {"image": NOTHING}, "resources": {}, "disable_plugins": []}
    sites = Sites(home, Names("r", "c"))
    assert sites.find_problem(Environment("plain", modules=("torch",))) is None
    with pytest.raises(UsageError, match="fast-riddles has compiled parts"):
        own_recipe(home, frozenset(), NOTHING, Options.of(settings).disabled)
    by_config = Options.of({**settings, "disable_plugins": [compiled]})
    monkeypatch.setenv("FTK_DISABLE_PLUGINS", compiled)
    for options in (by_config, Options.of(settings)):
        own_recipe(home, frozenset(), NOTHING, options.disabled)
        wheel = next(item for item in plugin_wheels(options.disabled) if item.project == "fast-riddles")
        assert wheel.requirements == ()
        with zipfile.ZipFile(BytesIO(wheel.content)) as archive:
            info = "fast_riddles-1.0.dist-info"
            assert archive.read(f"{info}/entry_points.txt") == b"[ftk]\nriddles = fast_riddles\n"
            assert {name.split("/")[0] for name in archive.namelist()} == {info}


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


@pytest.mark.parametrize(("cuda", "filled"), [("'13.0'", "cu13torch2.13"), ("None", "cutorch2.13")])
def test_an_optional_step_is_filled_in_with_the_versions_that_are_there(
    home: Home, engine: Environment, tmp_path: Path, cuda: str, filled: str
) -> None:
    command = lock_recipe(home, engine, NOTHING).steps[6][1][3]
    listed = next(path for path in home.cache.rglob("step-3.txt"))
    command = command.replace(f"/given/{listed.parent.name}/{listed.name}", str(listed))
    # An interpreter that finds this PyTorch first; what would be installed is only printed.
    torch = f"from types import SimpleNamespace\n__version__ = '2.13.1+x'\nversion = SimpleNamespace(cuda={cuda})\n"
    (tmp_path / "torch.py").write_text(torch)
    script = command.replace(f"{VENV}/bin/python", sys.executable).replace("uv pip install", "echo")
    fitting = tmp_path / "fitting.txt"
    script = script.replace("-r /tmp/fitting.txt", f"&& cat {fitting}").replace("/tmp/fitting.txt", str(fitting))
    variables = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, env=variables)
    assert done.stdout.splitlines()[-1] == f"flash-attn==2.8.3+{filled}", done.stderr


def test_the_same_content_is_the_same_image_wherever_it_was_made(tmp_path: Path, engine: Environment) -> None:
    one, two = (Home(tmp_path / name, tmp_path / name) for name in ("a", "b"))
    assert lock_recipe(one, engine, NOTHING).digest == lock_recipe(two, engine, NOTHING).digest
    assert own_recipe(one, frozenset(), NOTHING).digest == own_recipe(two, frozenset(), NOTHING).digest
    assert own_recipe(one, frozenset({"torch"}), NOTHING).digest != own_recipe(one, frozenset(), NOTHING).digest
