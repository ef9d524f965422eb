"""Base models of the hub, fetched from a stand-in on this machine."""

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ftk_models.hub import is_id


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hub_server: Any = _load(Path(__file__).parent.parent.parent / "hub_server.py")

TOKENIZER = {
    "config.json": b'{"model_type": "llama"}',
    "tokenizer.json": b'{"model": {"vocab": {}}}',
    "tokenizer_config.json": b"{}",
}
FILES = {**TOKENIZER, "model.safetensors": b"\2" + bytes(7) + b"{}"}
OTHERS = {"README.md": b"text", "pytorch_model.bin": b"pickled", "onnx/model.onnx": b"x"}
DOWN = "http://127.0.0.1:1"

Fetch = Callable[..., dict[str, Any]]


@pytest.fixture
def hub() -> Iterator[Any]:
    """A hub with a few repositories."""
    repos = {
        "acme/tiny": {**FILES, **OTHERS},
        "acme/gated": FILES,
        "acme/cut": {"config.json": b"{}"},
        "acme/odd": OTHERS,
    }
    state = hub_server.Hub(repos, gated=("acme/gated",), cut=("acme/cut",), failing={"acme/no": 403, "acme/ill": 500})
    with hub_server.serving(state) as serving:
        yield serving


def test_a_models_files_are_fetched_without_what_could_execute_anything(hub: Any, fetch: Fetch) -> None:
    found = fetch("acme/tiny", HF_ENDPOINT=hub.url)
    assert (found["files"], found["digest"]) == (sorted(FILES), hub_server.COMMIT)
    assert sorted(hub.fetched) == sorted(FILES)
    assert {name: Path(found["path"], name).read_bytes() for name in found["files"]} == FILES


def test_the_tokenizer_is_fetched_without_the_weights_and_not_twice(hub: Any, fetch: Fetch) -> None:
    assert fetch("acme/tiny", only=True, HF_ENDPOINT=hub.url)["files"] == sorted(TOKENIZER)
    assert sorted(hub.fetched) == sorted(TOKENIZER)
    hub.fetched.clear()
    assert fetch("acme/tiny", HF_ENDPOINT=hub.url)["files"] == sorted(FILES)
    assert hub.fetched == ["model.safetensors"]


@pytest.mark.parametrize("variables", [{"HF_ENDPOINT": DOWN}, {"HF_HUB_OFFLINE": "1"}])
def test_a_fetched_model_is_there_without_the_hub(hub: Any, fetch: Fetch, variables: dict[str, str]) -> None:
    first = fetch("acme/tiny", HF_ENDPOINT=hub.url)
    assert fetch("acme/tiny", **variables) == first


def test_half_a_model_is_not_taken_for_one_without_the_hub(hub: Any, fetch: Fetch) -> None:
    fetch("acme/tiny", only=True, HF_ENDPOINT=hub.url)
    assert "is not in its cache on this machine" in fetch("acme/tiny", HF_ENDPOINT=DOWN)["message"]
    assert fetch("acme/tiny", HF_ENDPOINT=hub.url)["files"] == sorted(FILES)


def test_a_cache_that_another_program_filled_is_not_taken_for_whole_without_the_hub(
    hub: Any, fetch: Fetch, tmp_path: Path
) -> None:
    whole = fetch("acme/tiny", HF_ENDPOINT=hub.url)
    (listing,) = (tmp_path / "hub").rglob("trees/*.json")
    listing.unlink()  # only downloads of all files have one
    (tmp_path / "hub/hub/models--acme--tiny/snapshots" / hub_server.COMMIT / "tokenizer_config.json").unlink()
    refused = fetch("acme/tiny", only=True, HF_ENDPOINT=DOWN)
    assert refused["message"] == "nothing tells whether the model acme/tiny in the hub's cache on this machine is whole"
    assert refused["remedy"].endswith(f"/snapshots/{hub_server.COMMIT}")
    assert fetch("acme/tiny", HF_ENDPOINT=hub.url) == whole


def test_weights_that_are_damaged_in_the_hubs_cache_can_be_mended_there(hub: Any, fetch: Fetch, tmp_path: Path) -> None:
    fetch("acme/tiny", only=True, HF_ENDPOINT=hub.url)
    weights = tmp_path / "hub/hub/models--acme--tiny/snapshots" / hub_server.COMMIT / "model.safetensors"
    weights.write_text("cut")
    refused = fetch("acme/tiny", HF_ENDPOINT=hub.url)
    assert refused["message"] == "base_model acme/tiny: model.safetensors is cut short or damaged"
    weights.unlink()
    assert fetch("acme/tiny", HF_ENDPOINT=hub.url)["files"] == sorted(FILES)


def test_a_revision_is_a_branch_tag_or_commit(hub: Any, fetch: Fetch) -> None:
    assert fetch("acme/tiny", "v1", HF_ENDPOINT=hub.url)["files"] == sorted(FILES)
    refused = fetch("acme/tiny", "v9", HF_ENDPOINT=hub.url)
    assert refused["message"] == "the hub's model acme/tiny has no revision 'v9'"
    assert refused["remedy"] == "correct revision_of_model"


def test_a_run_keeps_its_commit_when_the_repository_moves_on(hub: Any, fetch: Fetch, tmp_path: Path) -> None:
    fetch("acme/tiny", run="one", only=True, HF_ENDPOINT=hub.url)
    hub.later["acme/tiny"] = {**FILES, "config.json": b'{"model_type": "gpt2"}'}
    first = fetch("acme/tiny", run="one", HF_ENDPOINT=hub.url)
    assert (first["digest"], Path(first["path"], "config.json").read_bytes()) == (
        hub_server.COMMIT,
        FILES["config.json"],
    )
    assert fetch("acme/tiny", HF_ENDPOINT=hub.url)["digest"] == hub_server.LATER
    assert fetch("acme/tiny", run="one", HF_ENDPOINT=DOWN) == first
    for cache in ("cache", "hub"):
        shutil.rmtree(tmp_path / cache)
    assert fetch("acme/tiny", run="one", HF_ENDPOINT=hub.url) == first


def test_a_gated_model_is_given_to_the_holder_of_a_token(hub: Any, fetch: Fetch) -> None:
    refused = fetch("acme/gated", HF_ENDPOINT=hub.url)
    assert refused["message"].startswith("the model acme/gated is gated")
    assert "HF_TOKEN" in refused["remedy"]
    assert fetch("acme/gated", HF_ENDPOINT=hub.url, HF_TOKEN=hub_server.TOKEN)["files"] == sorted(FILES)


@pytest.mark.parametrize(
    ("ref", "variables", "message", "remedy"),
    [
        ("acme/absent", {}, "there is no model acme/absent here or on the hub, or it is private", "check the name"),
        ("acme/absent", {"HF_TOKEN": "hf_good"}, "there is no model acme/absent here or on the hub", "HF_TOKEN"),
        ("acme/tiny", {"HF_TOKEN": "hf_bad"}, "the hub refused the model acme/tiny with HTTP status 401", "HF_TOKEN"),
        ("acme/no", {}, "the hub refused the model acme/no with HTTP status 403", "check HF_TOKEN"),
        ("acme/ill", {}, "the hub failed with HTTP status 500 when asked for the model acme/ill", "later"),
        ("acme/odd", {}, "the hub's model acme/odd holds no file of the kinds", "safetensors"),
        ("acme/a..b", {}, "base_model 'acme/a..b' is no folder here and cannot be a name on the hub", "hub id"),
        ("acme/tiny", {"HF_ENDPOINT": DOWN}, "the hub cannot be reached, and the model acme/tiny is not", "network"),
        ("acme/tiny", {"HF_HUB_OFFLINE": "1"}, "the hub cannot be reached, and the model", "HF_HUB_OFFLINE"),
        ("acme/cut", {}, "the connection to the hub broke while the model acme/cut was fetched", "--resume run"),
    ],
)
def test_each_error_is_one_line_with_its_remedy(
    hub: Any, fetch: Fetch, ref: str, variables: dict[str, str], message: str, remedy: str
) -> None:
    found = fetch(ref, **{"HF_ENDPOINT": hub.url, **variables})
    assert found["message"].startswith(message)
    assert remedy in found["remedy"]
    assert "\n" not in found["message"] + found["remedy"]


@pytest.mark.parametrize("ref", ["gpt2", "org/name", "Org-1/name_2.0"])
def test_an_id_of_the_hub_is_known_by_its_form(ref: str) -> None:
    assert is_id(ref)


@pytest.mark.parametrize("ref", ["", "/x", "a/b/c", "org/", "s3://x/y", "a b", "-x/y"])
def test_other_names_are_none(ref: str) -> None:
    assert not is_id(ref)
