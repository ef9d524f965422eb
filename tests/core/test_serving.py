"""What is served and to whom, decided before anything starts."""

import json
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from ftk.artifacts import Artifact, Model
from ftk.command import PYTHON, Command
from ftk.config.marked_yaml import read_yaml
from ftk.config.resolve import resolve
from ftk.errors import UsageError
from ftk.hooks.manager import Manager
from ftk.runs.cache import Cache
from ftk.runs.run import Run
from ftk.server import HOST, PORT, Endpoint, Served, Server
from ftk.serving.endpoint import job
from ftk.serving.keys import find_key, is_loopback
from ftk.serving.settings import refuse_settings
from ftk.serving.watching import end_of, is_ready

CONFIG = "base_model: /models/llama\ndatasets: [{path: rows.jsonl, type: {}}]\n"

COMMAND = Command((PYTHON, "-m", "it", HOST, PORT, Artifact("runs", "b/lora-out")), "stub", variables={"A": "run:x"})

MakeRun = Callable[..., Run]


@pytest.fixture
def make_run(tmp_path: Path, manager: Manager, engine: Any, monkeypatch: pytest.MonkeyPatch) -> MakeRun:
    """Makes a run whose stages are done: takes its name, the digest of its base, and whether it has an adapter."""
    asked: list[Any] = []
    monkeypatch.setattr(manager, "serve", lambda provider, run, models: asked.append(models) or Endpoint(COMMAND))
    monkeypatch.setattr(Run, "make_ready", lambda run, name: None)
    monkeypatch.setattr(Run, "tokenizer", lambda run: Artifact("cache", "base"))

    def make(name: str, base: str = "base", adapter: bool = True, trained: bool = True) -> Run:
        folder = tmp_path / "runs" / name
        (folder / "stages").mkdir(parents=True)
        results: dict[str, Any] = {"prepare_model": {"folder": f"cache:{base}", "digest": base, "size": 1}}
        if trained:
            losses = {"train_loss": None, "eval_loss": None}
            results["train"] = {"folder": "run:lora-out", "is_adapter": adapter, "steps": 1, **losses}
        for stage, result in results.items():
            manifest = {"provider": "stub", "inputs": {}, "digest": "d", "result": result, "seconds": 1}
            (folder / f"stages/{stage}.json").write_text(json.dumps(manifest))
        (folder / "lora-out").mkdir()
        (tmp_path / "cache" / base).mkdir(parents=True, exist_ok=True)
        run = Run(
            folder, Cache(tmp_path / "cache"), resolve(read_yaml(CONFIG, "config.yml"), [], manager), manager, None
        )
        run.asked = asked  # type: ignore[attr-defined]
        return run

    return make


def _job(run: Run, manager: Manager, others: tuple[str, ...] = (), base: bool = False) -> tuple[list[Served], Endpoint]:
    inputs = {"others": list(others), "base": base, "sets": []}
    endpoint = Endpoint.from_json(json.loads(json.dumps(job(run, manager, Artifact("run", "x"), inputs))))
    return list(run.asked[-1]), endpoint  # type: ignore[attr-defined]


def test_an_endpoint_is_the_same_after_a_journey() -> None:
    endpoint = Endpoint(
        COMMAND, "/ready", "KEY", ("--guard",), ("a", "b"), True, ("r",), {"resources": {"gpu": ["t4"]}}
    )
    assert Endpoint.from_json(json.loads(json.dumps(endpoint.to_json()))) == endpoint
    server = Server("r-1", "http://127.0.0.1:1", endpoint, True, "servers/1.txt", 1.5)
    assert Server.from_json(json.loads(json.dumps(server.to_json()))) == server


def test_a_command_may_have_more_arguments_where_there_is_a_key() -> None:
    endpoint = Endpoint(COMMAND, "/ready", "KEY", ("--guard", "it"))
    assert endpoint.guarded() == Endpoint(replace(COMMAND, argv=(*COMMAND.argv, "--guard", "it")), "/ready", "KEY")


def test_one_run_is_served_by_its_name(make_run: MakeRun, manager: Manager, tmp_path: Path) -> None:
    run = make_run("ftk-2026-11-24-19-13-05-0fb0-sums")
    models, endpoint = _job(run, manager)
    assert models == [Served("sums", Model(Artifact("cache", "base"), Artifact("run", "lora-out")))]
    assert (endpoint.models, endpoint.runs, endpoint.chats) == (("sums",), (run.id,), False)
    (tmp_path / "cache/base/chat_template.jinja").write_text("")
    assert _job(run, manager)[1].chats


def test_the_base_has_a_name_without_its_path(make_run: MakeRun, manager: Manager) -> None:
    models, _ = _job(make_run("a"), manager, base=True)
    assert models == [Served("llama", Model(Artifact("cache", "base")))]


def test_several_runs_are_adapters_of_one_base(make_run: MakeRun, manager: Manager) -> None:
    run, _ = make_run("a"), make_run("b")
    base = Artifact("cache", "base")
    models, endpoint = _job(run, manager, others=("b",))
    assert models == [
        Served("a", Model(base, Artifact("runs", "a/lora-out"))),
        Served("b", Model(base, Artifact("runs", "b/lora-out"))),
        Served("llama", Model(base)),
    ]
    assert endpoint.runs == ("a", "b")
    assert run.path(Artifact("runs", "b/lora-out")).is_dir()


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"base": "another"}, "a and b have different base models"),
        ({"adapter": False}, "b is a whole model, no adapter"),
        ({"trained": False}, "b has no tuned model yet"),
    ],
)
def test_what_does_not_go_together_is_refused(
    make_run: MakeRun, manager: Manager, other: dict[str, Any], message: str
) -> None:
    run, _ = make_run("a"), make_run("b", **other)
    with pytest.raises(UsageError, match=message):
        _job(run, manager, others=("b",))


def test_a_base_that_is_gone_is_told(make_run: MakeRun, manager: Manager, tmp_path: Path) -> None:
    run = make_run("a")
    (tmp_path / "cache/base").rmdir()
    with pytest.raises(UsageError, match="cache/base is gone"):
        _job(run, manager)


def test_a_setting_that_a_server_does_not_have_is_refused(manager: Manager) -> None:
    config = resolve(read_yaml(CONFIG + "ftk: {serve: {gpu_memory: 0.5}}", "config.yml"), [], manager)
    refuse_settings(config, "it", "dtype", "arguments")
    with pytest.raises(UsageError, match=r"it has no setting for ftk\.serve\.gpu_memory"):
        refuse_settings(config, "it", "dtype", "gpu_memory")


def test_a_key_comes_from_where_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FTK_API_KEY", raising=False)
    assert find_key(None, None, needed=False) is None
    made, another = find_key(None, None, needed=True), find_key(None, None, needed=True)
    assert made and another and made.value != another.value and len(made.value) > 30
    monkeypatch.setenv("FTK_API_KEY", "one")
    monkeypatch.setenv("OTHER", "two")
    for given, variable, value, shown in (
        (None, None, "one", "$FTK_API_KEY"),
        (None, "OTHER", "two", "$OTHER"),
        ("three", None, "three", "three"),
    ):
        key = find_key(given, variable, needed=True)
        assert key and (key.value, key.for_shell) == (value, shown)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        *((host, True) for host in ("127.0.0.1", "127.8.0.1", "localhost", "::1", "[::1]")),
        *((host, False) for host in ("0.0.0.0", "::", "192.0.2.1", "localhost.example.org")),
    ],
)
def test_only_this_machine_is_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (
            "loading\nValueError: no\nthe server ended with exit code 1\n",
            "the server ended with exit code 1: ValueError: no",
        ),
        ("the server ended with exit code 3\n", "the server ended with exit code 3: it has printed nothing"),
        ("[Errno 98] address already in use\nthe server ended with exit code 1", "another program took the port"),
        ("loading\nthe server was ended by signal 9\n", "it was killed from outside"),
        ("loading\n", "the server is gone: loading"),
        (None, "the server is gone: it has printed nothing"),
    ],
)
def test_an_end_is_told_by_its_cause(tmp_path: Path, output: str | None, message: str) -> None:
    if output is not None:
        (tmp_path / "log.txt").write_text(output)

    class Place:
        def open(self, run_id: str, path: str) -> BinaryIO:
            return (tmp_path / path).open("rb")

        def describe(self, run_id: str, path: str) -> str:
            return path

    server = Server("r-1", "http://127.0.0.1:1", Endpoint(COMMAND, runs=("r",)), False, "log.txt", 0)
    assert message in str(end_of(Place(), server, ()))  # type: ignore[arg-type]


def test_a_port_that_speaks_no_http_is_not_ready() -> None:
    def answer() -> None:
        with listening.accept()[0] as connection:
            connection.recv(1)
            connection.sendall(b"SSH-2.0-x\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=answer, daemon=True).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        assert not is_ready(Server("r-1", url, Endpoint(COMMAND, runs=("r",)), False, "log.txt", 0))
