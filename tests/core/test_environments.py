"""Locks are read with their line, interpreters are chosen and judged, and failures of pip get their advice."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ftk import files
from ftk.command import INHERIT, Environment
from ftk.config.resolved import Config
from ftk.environments import interpreter
from ftk.environments.build import Builder
from ftk.environments.fitting import fitting
from ftk.environments.installers import VARIABLE, Pip, Uv, chosen_installer
from ftk.environments.installing import InstallerFailed, run
from ftk.environments.interpreter import find_python, foreign_variables, missing_modules
from ftk.environments.lock import Step, read_lock
from ftk.environments.place import Environments, lock_of
from ftk.environments.table import remove, rows
from ftk.errors import FtkError, PluginError, UsageError
from ftk.hooks.manager import Manager
from ftk.runs.cache import Cache
from ftk.runs.run import Run

LOCK = """\
# A comment.
python: 3.11
size: 20   # MB

[pip install --no-deps --no-build-isolation]
tiny-box==1.0  # why
--extra-index-url https://example.org/wheels#egg
# another comment

[pip uninstall]
tiny-lid
"""


def _lock(folder: Path, text: str) -> Path:
    (folder / "cpu.txt").write_text(text)
    return folder / "cpu.txt"


def test_a_lock_has_steps_in_their_order(tmp_path: Path) -> None:
    lock = read_lock(_lock(tmp_path, LOCK))
    assert (lock.python, lock.size) == ("3.11", 20)
    first = ("tiny-box==1.0", "--extra-index-url https://example.org/wheels#egg")
    assert lock.steps == (
        Step("install", ("--no-deps", "--no-build-isolation"), first),
        Step("uninstall", (), ("tiny-lid",)),
    )
    assert [str(step) for step in lock.steps] == ["install tiny-box==1.0", "uninstall tiny-lid"]


def test_the_digest_is_of_what_is_installed(tmp_path: Path) -> None:
    digest = read_lock(_lock(tmp_path, LOCK)).digest
    same = LOCK.replace("# A comment.", "# Another one.").replace("size: 20", "size: 21")
    assert read_lock(_lock(tmp_path, same)).digest == digest
    for old, new in {
        "box==1.0": "box==1.1",
        "3.11": "3.12",
        " --no-deps": "",
        "[pip uninstall]": "[pip install]",
    }.items():
        assert read_lock(_lock(tmp_path, LOCK.replace(old, new))).digest != digest


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("python: 3.11\nsize: 20\n", "a lock begins with `python:` and `size:` (in MB), and has a step at least"),
        ("size: 20\n[pip install]\nx\n", "a lock begins with"),
        ("python: 3.11\nsize: much\n[pip install]\nx\n", "a lock begins with"),
        ("python: 3.11\nsize: 1\n[pip download]\nx\n", "cpu.txt:3: a step is `[pip install ...]`, `[optional pip"),
        ("python: 3.11\nsize: 1\n[rm -rf]\nx\n", "cpu.txt:3: a step is"),
    ],
)
def test_what_is_no_lock_is_told(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=re.escape(message)):
        read_lock(_lock(tmp_path, text))


def test_the_config_chooses_the_interpreter(tmp_path: Path) -> None:
    environments = Environments(tmp_path / "environments")
    locks = {"cpu": _lock(tmp_path, LOCK)}
    by_lock = environments.interpreter(Environment("boxed", locks=locks))
    assert by_lock.is_relative_to(tmp_path / "environments") and by_lock.parts[-2:] == ("bin", "python")
    assert environments.interpreter(Environment("own")) == Path(sys.executable)
    assert environments.interpreter(Environment("boxed", locks=locks, python=INHERIT)) == Path(sys.executable)
    assert environments.interpreter(Environment("boxed", locks=locks, python="/opt/bin/python")) == Path(
        "/opt/bin/python"
    )


def test_what_an_environment_lacks_is_told(tmp_path: Path) -> None:
    problem = Environments(tmp_path).find_problem
    locks = {"cpu": _lock(tmp_path, LOCK)}
    assert problem(Environment("boxed", ("tiny_box",), locks=locks)) is None
    assert (
        problem(Environment("boxed", locks=locks, accelerator="cuda")) == "the environment boxed has no lock for cuda"
    )
    inherited = problem(Environment("boxed", ("json", "tiny_box"), locks=locks, python=INHERIT))
    assert inherited == f"tiny_box cannot be imported by {sys.executable}"
    absent = problem(Environment("boxed", python="/nowhere/python"))
    assert absent and absent.startswith("the interpreter of the environment boxed does not work: ")
    no_python = problem(Environment("boxed", python="/bin/false"))
    assert no_python and no_python.endswith("/bin/false is no Python interpreter: it says nothing")
    listing = problem(Environment("boxed", python="/bin/ls"))
    assert listing and re.search(r": /bin/ls is no Python interpreter: [^\n]+$", listing)


def test_an_interpreter_that_does_not_answer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "PATIENCE", 0.2)
    (tmp_path / "python").write_text("#!/bin/sh\nexec sleep 600\n")
    (tmp_path / "python").chmod(0o755)
    problem = Environments(tmp_path).find_problem(Environment("boxed", python=f"{tmp_path}/python"))
    assert problem and problem.endswith("/python has not answered in 0.2 s")


def test_another_interpreter_is_asked_without_importing(tmp_path: Path) -> None:
    python = Path(sys._base_executable)
    assert missing_modules(python, ("json", "ftk")) == ["ftk"]
    assert find_python(f"{sys.version_info.major}.{sys.version_info.minor}") == Path(sys.executable)
    assert find_python("2.9") is None


def test_nothing_of_ours_gets_into_another_interpreter() -> None:
    own = str(Path(sys.executable).parent)
    given = {"PATH": f"{own}:/usr/bin", "PYTHONPATH": "x", "VIRTUAL_ENV": own, "HOME": "/root"}
    kept = foreign_variables(Path("/opt/bin/python"), given)
    assert kept == {"PATH": "/opt/bin:/usr/bin", "HOME": "/root", "PYTHONNOUSERSITE": "1"}


FLASH = "flash-attn==2.8.3+cu{cuda}torch{torch}cxx11abiTRUE"


@pytest.mark.parametrize(
    ("torch", "cuda", "wanted"),
    [
        ("2.13.0+cu130", "13.0", "flash-attn==2.8.3+cu13torch2.13cxx11abiTRUE"),
        ("2.8.0", "12.8", "flash-attn==2.8.3+cu12torch2.8cxx11abiTRUE"),
        ("2.13.0+cpu", "", None),
        ("", "", None),
    ],
)
def test_the_wheel_for_this_torch_and_cuda_is_asked_for(torch: str, cuda: str, wanted: str | None) -> None:
    assert fitting(FLASH, torch, cuda) == wanted
    assert fitting("--only-binary=:all:", torch, cuda) == "--only-binary=:all:"


FAILURES = {
    "Failed to establish a new connection\nERROR: No matching distribution found for x": "the package index cannot be"
    " reached: No matching distribution found for x",
    "ERROR: No matching distribution found for x==1": "the package index does not have what the lock names",
    "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device": "the disk is full",
    "error: subprocess-exited-with-error": "a package has no wheel for this machine and could not be compiled",
    "ERROR: Could not install: [Errno 13] Permission denied: '/x'": "a folder may not be written",
    "ERROR: something new": "something new",
    "": "it printed nothing",
}


@pytest.mark.parametrize("output", FAILURES)
def test_a_failure_is_told_with_its_remedy(output: str, tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    with log.open("w") as stream, pytest.raises(InstallerFailed) as caught:
        program = f"print({output!r}); exit(1)"
        run([sys.executable, "-c", program], Path(sys.executable), log, stream.fileno(), lambda line: None)
    assert caught.value.message.startswith(FAILURES[output])
    assert caught.value.remedy and caught.value.remedy.endswith(f"all of its output: {log}")


def test_an_installer_that_is_killed_is_told(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream, pytest.raises(InstallerFailed, match="was ended by signal 9"):
        argv = ["bash", "-c", "kill -9 $$"]
        run(argv, Path(sys.executable), tmp_path / "log", stream.fileno(), lambda line: None)


def test_only_pip_and_uv_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, kind in {"": Pip, "pip": Pip, "uv": Uv}.items():
        monkeypatch.setenv(VARIABLE, name)
        assert isinstance(chosen_installer(), kind)
    monkeypatch.setenv(VARIABLE, "conda")
    with pytest.raises(UsageError, match="FTK_INSTALLER is 'conda'"):
        chosen_installer()
    monkeypatch.setenv(VARIABLE, "uv")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UsageError, match="uv is not on PATH"):
        chosen_installer()


@pytest.mark.parametrize(
    ("installer", "message", "left"),
    [("conda", "FTK_INSTALLER is 'conda'", []), ("pip", "Python 9.99 is needed", ["boxed-cpu-{}.lock"])],
)
def test_an_environment_that_nobody_can_make_is_not_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installer: str, message: str, left: list[str]
) -> None:
    monkeypatch.setenv(VARIABLE, installer)
    lock = _lock(tmp_path, LOCK.replace("3.11", "9.99"))
    told: list[str] = []
    environment = Environment("boxed", (), "", locks={"cpu": lock}, accelerator="cpu")
    with pytest.raises(FtkError, match=message):
        Environments(tmp_path / "new").realise(environment, lambda kind, **fields: told.append(kind))
    assert told == []
    digest = read_lock(lock).digest
    assert [item.name for item in tmp_path.glob("new/*")] == [name.format(digest) for name in left]


def test_a_disk_that_is_too_small_is_told_before(tmp_path: Path) -> None:
    lock = read_lock(_lock(tmp_path, LOCK.replace("size: 20", "size: 999999999")))
    with pytest.raises(
        FtkError, match=r"the environment boxed takes 999999999 MB, and [0-9]+ MB are free in"
    ) as caught:
        Builder("boxed", tmp_path / "environments" / "boxed-cpu-1", lock, (), lambda kind, **fields: None).build(0)
    assert caught.value.remedy and "ftk env rm" in caught.value.remedy


def test_a_python_that_is_not_there_is_told(tmp_path: Path) -> None:
    lock = read_lock(_lock(tmp_path, LOCK.replace("3.11", "2.9")))
    with pytest.raises(FtkError, match=r"Python 2\.9 is needed, and is not on PATH"):
        Builder("boxed", tmp_path / "environments" / "boxed-cpu-1", lock, (), lambda kind, **fields: None).build(0)


def _folder(root: Path, name: str) -> Path:
    """What a finished build leaves, but for the packages."""
    (root / name / "bin").mkdir(parents=True)
    (root / name / "bin" / "python").symlink_to(sys.executable)
    (root / name / "environment.json").write_text('{"size": 7}')
    return root / name


def test_what_is_built_or_left_is_listed(tmp_path: Path) -> None:
    _folder(tmp_path, "boxed-cpu-0123456789ab")
    (_folder(tmp_path, "gone-python-cpu-0123456789ab") / "bin" / "python").unlink()
    (tmp_path / "boxed-cpu-0123456789ab.log").touch()
    found = [(row.name, row.accelerator, row.digest, row.state, row.size) for row in rows(tmp_path, Manager(), "cpu")]
    assert found == [
        ("boxed", "cpu", "0123456789ab", "unused", 7),
        ("gone-python", "cpu", "0123456789ab", "unfinished", None),
    ]


def test_one_that_is_used_is_not_removed(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "boxed-cpu-0123456789ab")
    in_use = pytest.raises(UsageError, match="boxed-cpu-0123456789ab is in use")
    with files.locked(lock_of(folder), shared=True), files.locked(lock_of(folder), shared=True), in_use:
        remove(tmp_path, "boxed")
    assert folder.exists()
    assert remove(tmp_path, "boxed") == ["boxed-cpu-0123456789ab"]
    assert not folder.exists()


def test_what_is_shipped_has_ftk_s_reporter_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "side.py").write_text("from ftk.reporter import Reporter\n")
    missing: Any = None
    run = Run(tmp_path / "run", Cache(tmp_path), Config({"ftk": {}}), missing, missing)
    folder = run.path(run.ship(tmp_path / "side.py"))
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")} == {
        "ftk/__init__.py",
        "ftk/reporter.py",
        "side.py",
    }
    argv = [sys._base_executable, "-s", "-c", "import side, ftk; print(ftk.__file__)"]
    done = subprocess.run(argv, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True)
    assert done.stdout.strip() == str(folder / "ftk" / "__init__.py"), done.stderr
    before = (folder / "side.py").stat().st_ino
    run.ship(tmp_path / "side.py")
    assert (folder / "side.py").stat().st_ino == before
