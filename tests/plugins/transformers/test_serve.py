"""The endpoint that the embedded engine describes answers a request of the openai client."""

import shutil
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import openai
import psutil
import pytest

from ftk.artifacts import Artifact, Model
from ftk.command import Endpoint
from ftk.config.marked_yaml import read_yaml
from ftk.config.resolve import resolve
from ftk.errors import CommandFailed, FtkError
from ftk.home import Home
from ftk.hooks.manager import Manager
from ftk.runs.cache import Cache
from ftk.runs.run import Run

PATIENCE = 90
"""Seconds for the server to start."""


def _run(tmp_path: Path) -> tuple[Run, Manager]:
    manager = Manager.load()
    home = Home(tmp_path / "runs", tmp_path / "cache")
    config = resolve(read_yaml("base_model: a/b\ndatasets: [{path: x.jsonl, type: {}}]", "config.yml"), [], manager)
    folder = home.runs / "served"
    folder.mkdir(parents=True)
    return Run(folder, Cache(home.cache), config, manager, manager.backend("local", home)), manager


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def _started(run: Run, endpoint: Endpoint) -> Iterator[None]:
    """Execute the endpoint's command through the backend, and end it with the block."""

    def serve() -> None:
        with suppress(CommandFailed):  # it is ended from outside
            run.execute(endpoint.command)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        _wait_until_ready(endpoint, thread)
        yield
    finally:
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):  # or a zombie, which another test has left
                if str(endpoint.port) in process.cmdline():
                    process.kill()
        thread.join(timeout=30)
    assert not thread.is_alive()


def _wait_until_ready(endpoint: Endpoint, thread: threading.Thread) -> None:
    deadline = time.monotonic() + PATIENCE
    url = f"http://127.0.0.1:{endpoint.port}{endpoint.health_path}"
    while time.monotonic() < deadline and thread.is_alive():
        with suppress(urllib.error.URLError), urllib.request.urlopen(url, timeout=5) as answer:
            assert answer.status == 200
            return
        time.sleep(0.2)
    pytest.fail("the server did not become ready")


def test_a_served_model_answers_the_openai_client(tiny_model: Path, tmp_path: Path) -> None:
    run, manager = _run(tmp_path)
    shutil.copytree(tiny_model, run.cache.root / "models/tiny")
    endpoint = manager.serve("transformers", run, Model(Artifact("cache", "models/tiny")), _free_port())
    with _started(run, endpoint):
        client = openai.OpenAI(base_url=f"http://127.0.0.1:{endpoint.port}/v1", api_key="none", max_retries=0)
        answer = client.completions.create(model=endpoint.model_name, prompt="SELECT name", max_tokens=3, temperature=0)
    assert answer.choices[0].text
    assert answer.usage is not None and answer.usage.completion_tokens == 3


def test_an_adapter_alone_is_refused_with_what_to_do(tmp_path: Path) -> None:
    run, manager = _run(tmp_path)
    model = Model(Artifact("cache", "models/tiny"), Artifact("run", "lora-out"))
    with pytest.raises(FtkError, match="whole models only") as refusal:
        manager.serve("transformers", run, model, 1)
    assert f"ftk run --resume {run.id}" in str(refusal.value.remedy)


def test_the_command_keeps_off_the_network(tmp_path: Path) -> None:
    run, manager = _run(tmp_path)
    command = manager.serve("transformers", run, Model(Artifact("cache", "models/tiny")), 8123).command
    assert command.variables["HF_HUB_OFFLINE"] == "1"
    assert "127.0.0.1" in command.argv
    assert not any(str(tmp_path) in str(part) for part in command.argv)
