"""Data sets of the hub, fetched from a stand-in on this machine."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    "acme/good": {"train.jsonl": b'{"instruction": "w1", "output": "w2"}\n' * 3},
    "acme/bad": {"train.jsonl": b'{"instruction": "w1"}\n' * 2},
}

Fetch = Callable[..., dict[str, Any]]
FetchAll = Callable[..., list[dict[str, Any]]]


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
def fetch_all(hub: Any, tmp_path: Path) -> FetchAll:
    """Fetches the data sets of entries, each given with the key that it stands under."""

    def start(cases: Sequence[tuple[str, Mapping[str, Any]]], **variables: str) -> list[dict[str, Any]]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        named = {"HF_HOME": str(tmp_path / "hub"), "HF_ENDPOINT": hub.url, **variables}
        argv = [str(Path(__file__).with_name("fetch_data.py")), str(tmp_path), json.dumps(cases)]
        done = subprocess.run(
            [sys.executable, *argv], env={**kept, **named}, capture_output=True, text=True, timeout=240
        )
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    return start


@pytest.fixture
def fetch(fetch_all: FetchAll) -> Fetch:
    """Fetches one data set to train on."""
    return lambda path, **variables: fetch_all([("datasets", {"path": path})], **variables)[0]


def test_rows_of_the_hub_are_checked_and_staged(hub: Any, cache: Path, tmp_path: Path) -> None:
    def stage(name: str) -> "subprocess.CompletedProcess[str]":
        kept = {variable: value for variable, value in os.environ.items() if not variable.startswith("HF_")}
        variables = {**kept, "HF_HOME": str(tmp_path / "hub"), "HF_ENDPOINT": hub.url}
        (tmp_path / name).mkdir(parents=True)
        argv = [sys.executable, Path(__file__).with_name("stage_rows.py"), tmp_path / name, cache, name]
        return subprocess.run(argv, env=variables, capture_output=True, text=True, timeout=240)

    assert stage("acme/good").returncode == 0
    assert json.loads((tmp_path / "acme/good/last_run_prepared/counts.json").read_text())["train_rows"] == 2
    problems = [line for line in stage("acme/bad").stderr.splitlines() if "the field `output` is missing" in line]
    assert [line.partition(": the field")[0].split()[-1] for line in problems] == ["train.jsonl:1", "train.jsonl:2"]


FOUND: Sequence[tuple[str, Mapping[str, Any], Mapping[str, str]]] = [
    ("datasets", {"path": "acme/plain"}, {"train.jsonl": "t"}),
    ("test_datasets", {"path": "acme/plain"}, {"test.jsonl": "e"}),
    ("datasets", {"path": "acme/plain", "data_files": "test.jsonl"}, {"test.jsonl": "e"}),
    ("datasets", {"path": "acme/card"}, {"data/train-0.jsonl": "0", "data/train-1.jsonl": "1"}),
    ("datasets", {"path": "acme/card", "split": "test[:5]"}, {"data/held.jsonl": "h"}),
    ("datasets", {"path": "acme/card", "name": "small", "revision": "v1"}, {"small/a.jsonl": "s"}),
    ("datasets", {"path": "acme/folders", "name": "de"}, {"de/deep/a.jsonl": "de"}),
]


def test_the_files_of_a_split_are_fetched(fetch_all: FetchAll) -> None:
    found = fetch_all([(key, entry) for key, entry, _ in FOUND])
    assert found == [{"files": files} for _, _, files in FOUND]


def test_only_what_is_read_is_fetched_and_not_twice(hub: Any, fetch: Fetch) -> None:
    first = fetch("acme/card")
    assert sorted(hub.fetched) == ["README.md", "data/train-0.jsonl", "data/train-1.jsonl"]
    hub.fetched.clear()
    assert fetch("acme/card") == first
    assert fetch("acme/card", HF_HUB_OFFLINE="1") == first
    assert hub.fetched == []


def test_some_files_of_a_split_are_not_taken_for_all_without_the_hub(hub: Any, fetch: Fetch, tmp_path: Path) -> None:
    whole = fetch("acme/card")
    (listing,) = (tmp_path / "hub").rglob("trees/*.json")
    (shard,) = (tmp_path / "hub").rglob("snapshots/*/data/train-1.jsonl")
    shard.unlink()
    offline = {"HF_HUB_OFFLINE": "1"}
    assert "is not in its cache on this machine" in fetch("acme/card", **offline)["message"]
    listing.unlink()  # as in a cache that another program filled
    assert "nothing tells whether the data set acme/card" in fetch("acme/card", **offline)["message"]
    assert fetch("acme/card") == whole


def test_a_gated_data_set_is_given_to_the_holder_of_a_token(fetch: Fetch) -> None:
    refused = fetch("acme/gated")
    assert refused["message"].startswith("the data set acme/gated is gated")
    assert "https://huggingface.co/datasets/acme/gated" in refused["remedy"]
    assert fetch("acme/gated", HF_TOKEN=hub_server.TOKEN) == {"files": {"train.jsonl": "t"}}


ERRORS = [
    ({"path": "acme/absent"}, "there is no data set acme/absent here or on the hub, or it is private", "HF_TOKEN"),
    ({"path": "acme/plain", "revision": "v9"}, "the hub's data set acme/plain has no revision 'v9'", "revision"),
    ({"path": "acme/plain", "split": "dev"}, "the hub's data set acme/plain has no split dev", "`split`"),
    ({"path": "acme/card", "split": "dev"}, "the hub's data set acme/card has no split dev", "train, test"),
    ({"path": "acme/card", "name": "big"}, "the hub's data set acme/card has no configuration 'big'", "default, small"),
    ({"path": "acme/none"}, "the hub's data set acme/none holds no data file", ".jsonl"),
    ({"path": "acme/plain", "data_files": "x.csv"}, "the hub's data set acme/plain holds no file x.csv", "data_files"),
]


def test_each_error_is_one_line_with_its_remedy(fetch_all: FetchAll) -> None:
    found = fetch_all([("datasets", entry) for entry, _, _ in ERRORS])
    for error, (_, message, remedy) in zip(found, ERRORS, strict=True):
        assert error["message"].startswith(message)
        assert remedy in error["remedy"]
        assert "\n" not in error["message"] + error["remedy"]
