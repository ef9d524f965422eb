"""Missing and cut-short files of a model are found before hours are spent on it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import ftk_models.plugin
from ftk.hooks.manager import Manager
from ftk.plugin import Cache, Config, FtkError, Run
from ftk_models.whole import find_damage

INDEX = "model.safetensors.index.json"
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


@pytest.fixture
def single(tmp_path: Path) -> Path:
    """A model of one file."""
    folder = tmp_path / "single"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    tensors = {"a": np.ones((4, 4), np.float32), "b": np.ones(3, np.float16)}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    """A model of two files and their index."""
    folder = tmp_path / "sharded"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    for shard in SHARDS:
        save_file({shard: np.ones(8, np.float32)}, folder / shard)
    (folder / INDEX).write_text(json.dumps({"weight_map": {shard: shard for shard in SHARDS}}))
    return folder


def cut(path: Path, size: int) -> None:
    """Keep the first bytes of a file."""
    path.write_bytes(path.read_bytes()[:size])


def test_a_whole_model_has_no_damage(single: Path, sharded: Path) -> None:
    assert find_damage(single) is None
    assert find_damage(sharded) is None


def test_a_file_without_tensors_is_whole(single: Path) -> None:
    save_file({}, single / "model.safetensors")
    assert find_damage(single) is None


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(single: Path, name: str) -> None:
    (single / name).unlink()
    assert find_damage(single) == f"{name} is missing"


@pytest.mark.parametrize("size", [0, 5, 8, 20, -1, -40])
def test_a_file_that_is_cut_short_is_named(single: Path, size: int) -> None:
    cut(single / "model.safetensors", size)
    assert find_damage(single) == "model.safetensors is cut short or damaged"


def test_a_file_that_is_too_long_is_named(single: Path) -> None:
    path = single / "model.safetensors"
    path.write_bytes(path.read_bytes() + b"x")
    assert find_damage(single) == "model.safetensors is cut short or damaged"


@pytest.mark.parametrize(
    "header", [b"{]", b"[]", b"3", b"\xff\xfe", b'{"a": 1}', b'{"a": {}}', b'{"a": {"data_offsets": []}}']
)
def test_a_damaged_header_is_named(single: Path, header: bytes) -> None:
    (single / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    assert find_damage(single) == "model.safetensors is cut short or damaged"


def test_a_header_that_claims_to_be_endless_is_not_read(single: Path) -> None:
    (single / "model.safetensors").write_bytes(b"\xff" * 8 + b"{}")
    assert find_damage(single) == "model.safetensors is cut short or damaged"


@pytest.mark.parametrize("shard", SHARDS)
def test_a_missing_or_cut_shard_is_named(sharded: Path, shard: str) -> None:
    cut(sharded / shard, -1)
    assert find_damage(sharded) == f"{shard} is cut short or damaged"
    (sharded / shard).unlink()
    assert find_damage(sharded) == f"{shard} is missing"


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", "3", '{"weight_map": []}', '{"weight_map": {}}', "\x00"])
def test_a_damaged_index_is_named(sharded: Path, text: str) -> None:
    (sharded / INDEX).write_text(text)
    assert find_damage(sharded) == f"{INDEX} is damaged"


@pytest.mark.parametrize(
    "text", ["", "{", "{}", "[]", '{"model": 3}', '{"model": {}}', '{"model": {"vocab": "a"}}', "\x00"]
)
def test_a_damaged_tokenizer_is_named(single: Path, text: str) -> None:
    (single / "tokenizer.json").write_text(text)
    assert find_damage(single) == "tokenizer.json is damaged"


@pytest.mark.parametrize("name", ["tokenizer_config.json", "special_tokens_map.json"])
def test_damaged_settings_of_a_tokenizer_are_named(single: Path, name: str) -> None:
    (single / "tokenizer.json").write_text('{"model": {"vocab": {}}}')
    assert find_damage(single) is None
    (single / name).write_text("{")
    assert find_damage(single) == f"{name} is damaged"


def prepare(folder: Path, model: Path) -> Any:
    """What the stage `prepare_model` makes of a model's folder."""
    manager = Manager()
    manager.register(ftk_models.plugin, "models")
    backend: Any = None
    run = Run(folder / "run", Cache(folder / "cache"), Config({"base_model": str(model)}), manager, backend)
    return manager.prepare_model("models", run)


def test_a_whole_model_is_ready_with_its_size(single: Path, tmp_path: Path) -> None:
    size = sum(path.stat().st_size for path in single.iterdir())
    assert prepare(tmp_path, single).size == size


def test_a_damaged_model_fails_its_stage_by_name_and_can_be_mended(single: Path, tmp_path: Path) -> None:
    weights = single / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    with pytest.raises(FtkError) as error:
        prepare(tmp_path, single)
    assert error.value.message == f"base_model {single}: model.safetensors is cut short or damaged"
    weights.unlink()
    weights.write_bytes(whole)
    assert prepare(tmp_path, single).size > 0
