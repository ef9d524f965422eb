"""Data sets of the hub, fetched from a stand-in on this machine."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

CARD = """\
---
configs:
- config_name: default
  data_files:
  - {split: train, path: "data/train-*"}
  - {split: test, path: [data/held.jsonl]}
- config_name: small
  data_files: small/*.jsonl
---
# About
"""

REPOS = {
    "acme/plain": {"train.jsonl": b"t", "test.jsonl": b"e", "README.md": b"no front matter", "script.py": b"x"},
    "acme/card": {
        **{"README.md": CARD.encode(), "data/train-0.jsonl": b"0", "data/train-1.jsonl": b"1", "data/held.jsonl": b"h"},
        **{"small/a.jsonl": b"s", "other.jsonl": b"o"},
    },
    "acme/folders": {"en/a.jsonl": b"en", "de/deep/a.jsonl": b"de"},
    "acme/none": {"README.md": b""},
    "acme/gated": {"train.jsonl": b"t"},
}

Fetch = Callable[..., dict[str, Any]]


def _hub_server() -> Any:
    path = Path(__file__).parent.parent.parent / "hub_server.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hub_server: Any = _hub_server()


@pytest.fixture
def hub() -> Iterator[Any]:
    """A hub with a few data sets."""
    with hub_server.serving(hub_server.Hub(REPOS, gated=("acme/gated",))) as serving:
        yield serving


@pytest.fixture
def fetch(hub: Any, tmp_path: Path) -> Fetch:
    """Fetches the data set of an entry."""

    def start(
        path: str, key: str = "datasets", variables: Mapping[str, str] | None = None, **entry: Any
    ) -> dict[str, Any]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        named = {"HF_HOME": str(tmp_path / "hub"), "HF_ENDPOINT": hub.url, **(variables or {})}
        argv = [str(Path(__file__).with_name("fetch_data.py")), str(tmp_path), key, json.dumps({"path": path, **entry})]
        done = subprocess.run(
            [sys.executable, *argv], env={**kept, **named}, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return start


@pytest.mark.parametrize(
    ("path", "key", "entry", "found"),
    [
        ("acme/plain", "datasets", {}, {"train.jsonl": "t"}),
        ("acme/plain", "test_datasets", {}, {"test.jsonl": "e"}),
        ("acme/plain", "datasets", {"data_files": "test.jsonl"}, {"test.jsonl": "e"}),
        ("acme/card", "datasets", {}, {"data/train-0.jsonl": "0", "data/train-1.jsonl": "1"}),
        ("acme/card", "datasets", {"split": "test[:5]"}, {"data/held.jsonl": "h"}),
        ("acme/card", "datasets", {"name": "small", "revision": "v1"}, {"small/a.jsonl": "s"}),
        ("acme/folders", "datasets", {"name": "de"}, {"de/deep/a.jsonl": "de"}),
    ],
)
def test_the_files_of_a_split_are_fetched(
    fetch: Fetch, path: str, key: str, entry: dict[str, Any], found: dict[str, str]
) -> None:
    assert fetch(path, key, **entry) == {"files": found}


def test_only_what_is_read_is_fetched_and_not_twice(hub: Any, fetch: Fetch) -> None:
    first = fetch("acme/card")
    assert sorted(hub.fetched) == ["README.md", "data/train-0.jsonl", "data/train-1.jsonl"]
    hub.fetched.clear()
    assert fetch("acme/card") == first
    assert fetch("acme/card", variables={"HF_HUB_OFFLINE": "1"}) == first
    assert hub.fetched == []


def test_a_gated_data_set_is_given_to_the_holder_of_a_token(fetch: Fetch) -> None:
    refused = fetch("acme/gated")
    assert refused["message"].startswith("the data set acme/gated is gated")
    assert "https://huggingface.co/datasets/acme/gated" in refused["remedy"]
    assert fetch("acme/gated", variables={"HF_TOKEN": hub_server.TOKEN}) == {"files": {"train.jsonl": "t"}}


@pytest.mark.parametrize(
    ("path", "entry", "message", "remedy"),
    [
        ("acme/absent", {}, "there is no data set acme/absent here or on the hub, or it is private", "HF_TOKEN"),
        ("acme/plain", {"revision": "v9"}, "the hub's data set acme/plain has no revision 'v9'", "correct revision"),
        ("acme/plain", {"split": "validation"}, "the hub's data set acme/plain has no split validation", "`split`"),
        ("acme/card", {"split": "validation"}, "the hub's data set acme/card has no split validation", "train, test"),
        ("acme/card", {"name": "big"}, "the hub's data set acme/card has no configuration 'big'", "default, small"),
        ("acme/none", {}, "the hub's data set acme/none holds no data file", ".jsonl"),
        ("acme/plain", {"data_files": "x.jsonl"}, "the hub's data set acme/plain holds no file x.jsonl", "data_files"),
    ],
)
def test_each_error_is_one_line_with_its_remedy(
    fetch: Fetch, path: str, entry: dict[str, Any], message: str, remedy: str
) -> None:
    found = fetch(path, **entry)
    assert found["message"].startswith(message)
    assert remedy in found["remedy"]
    assert "\n" not in found["message"] + found["remedy"]
