"""The plain app, deployed once with the real client."""

import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from standin.running import Standin

APP = Path(__file__).with_name("app.py")

Run = Callable[..., str]


@pytest.fixture(scope="session")
def run(standin: Standin) -> Run:
    """Runs a command, whose `modal` and `python` use the stand-in, and gives what it printed."""

    def call(*command: str | Path, fails: bool = False, **variables: str) -> str:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MODAL_")}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            list(map(str, command)),
            env={**kept, "PATH": path, **standin.variables, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
        )
        assert (done.returncode != 0) == fails, done.stdout
        return done.stdout

    return call


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel with an entry point."""
    path = tmp_path_factory.mktemp("wheel") / "tiny_bell-1.0-py3-none-any.whl"
    _write_wheel(path)
    return path


@pytest.fixture(scope="session")
def deployed(standin: Standin, run: Run, wheel: Path) -> str:
    """The name of the plain app, which is deployed, with a wheel in the image of one of its functions."""
    standin.put_secret("named", FROM_NAMED="a secret value")
    run("modal", "deploy", APP, PLAIN_WHEEL=str(wheel), FROM_CLIENT="not for containers")
    return "plain"


@pytest.fixture
def client(standin: Standin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the `modal` of this process use the stand-in."""
    for name, value in standin.variables.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """Waits until something is true; fails after two minutes."""

    def wait(look: Callable[[], object]) -> None:
        end = time.monotonic() + 120
        while not look():
            assert time.monotonic() < end
            time.sleep(0.02)

    return wait


def _write_wheel(path: Path) -> None:
    info = "tiny_bell-1.0.dist-info"
    content = {
        "tiny_bell.py": "def ring():\n    return 'ding'\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: tiny_bell\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[plain.bells]\ntiny = tiny_bell:ring\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in content.items():
            wheel.writestr(name, text)
