"""A config's data are found from here or from its folder, and put into the draft of a run."""

from pathlib import Path
from typing import Any

import pytest

from ftk.config.resolved import Config
from ftk.data.locating import data_problems, located_data, located_models, put_adapter, put_data


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a config, beside the current one; it holds data of several forms."""
    for name in ("one.jsonl", "two.csv.gz", "many/a.jsonl", "many/deep/b.jsonl", "many/test.jsonl"):
        path = tmp_path / "configs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "configs"


def config(folder: Path, *datasets: Any, **more: Any) -> Config:
    """A config whose data are located."""
    raw = Config({"datasets": list(datasets), **more}, lambda path: ".".join(map(str, path)))
    return Config({**raw.values, **located_data(raw, folder)}, raw.place)


def put(folder: Path, *datasets: Any, **more: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """The entries as a run has them, and what its draft leads to."""
    draft = folder.parent / "draft"
    entries = put_data(config(folder, *datasets, **more), draft)
    links = {path.relative_to(draft).as_posix(): path for path in draft.rglob("*") if path.is_file()}
    assert all(path.is_symlink() for path in links.values())
    return entries, {name: path.read_text() for name, path in sorted(links.items())}


def test_each_file_gets_a_name_that_tells_what_it_is(folder: Path) -> None:
    entries, found = put(folder, {"path": "one.jsonl"}, {"path": "two.csv.gz"}, test_datasets=[{"path": "one.jsonl"}])
    assert entries == {
        "datasets": [{"path": "data.jsonl"}, {"path": "data-2.csv.gz"}],
        "test_datasets": [{"path": "test-data.jsonl"}],
    }
    assert found == {"data-2.csv.gz": "two.csv.gz", "data.jsonl": "one.jsonl", "test-data.jsonl": "one.jsonl"}


def test_a_folder_or_pattern_becomes_a_folder_of_what_is_read(folder: Path) -> None:
    entries, found = put(folder, {"path": "many", "data_files": "**/*.jsonl"}, {"path": "many/*.jsonl"})
    assert entries["datasets"] == [
        {"path": "data", "data_files": ["a.jsonl", "deep/b.jsonl", "test.jsonl"]},
        {"path": "data-2", "data_files": ["a.jsonl", "test.jsonl"]},
    ]
    assert sorted(found) == [
        *("data-2/a.jsonl", "data-2/test.jsonl", "data/a.jsonl", "data/deep/b.jsonl", "data/test.jsonl")
    ]


def test_models_and_adapters_are_found_beside_the_config_or_are_names(folder: Path) -> None:
    (folder / "tuned").mkdir()
    keys = {"base_model": "tuned", "lora_model_dir": "./tuned"}
    assert located_models(Config(keys), folder) == dict.fromkeys(keys, str(folder / "tuned"))
    names = {"base_model": "org/name", "lora_model_dir": None}
    assert located_models(Config(names), folder) == {"base_model": "org/name"}


def test_what_is_here_comes_before_what_lies_beside_the_config(folder: Path) -> None:
    Path("one.jsonl").write_text("here")
    assert put(folder, {"path": "one.jsonl"})[1] == {"data.jsonl": "here"}


def test_a_data_set_of_the_hub_stays_what_it_is(folder: Path) -> None:
    entry = {"path": "org/name", "split": "test"}
    assert put(folder, entry) == ({"datasets": [entry]}, {})


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"path": "absent.jsonl"}, "there is no data file "),
        ({"path": "absent/*.jsonl"}, "there is no data file "),
        ({"path": "data/absent.jsonl"}, "there is no data file "),
        ({"path": "s3://bucket/rows.jsonl"}, "s3://bucket/rows.jsonl is an address, and data are read of files"),
        ({"path": "many", "data_files": "c.jsonl"}, "holds no file c.jsonl"),
        ({"path": "many", "ds_type": "csv"}, "holds no file of the `ds_type` csv"),
        ({"path": "many", "split": "dev"}, "has no split dev, only test"),
    ],
)
def test_data_that_are_not_there_are_told_with_their_place(folder: Path, entry: Any, problem: str) -> None:
    [found] = data_problems(config(folder, {"path": "one.jsonl"}, entry))
    assert found.place == "datasets.1.path"
    assert problem in found.message


def test_data_where_the_run_works_stay_there(folder: Path) -> None:
    entries, found = put(folder, {"path": "backend:/volume/rows.jsonl", "type": "alpaca"})
    assert entries == {"datasets": [{"path": "/volume/rows.jsonl", "type": "alpaca"}]}
    assert found == {}
    assert data_problems(config(folder, {"path": "backend:/volume/rows.jsonl"})) == []


def test_an_adapter_is_put_into_the_run_without_a_trainings_checkpoints(folder: Path) -> None:
    draft, tuned = folder.parent / "draft", folder / "tuned"
    (tuned / "checkpoint-2").mkdir(parents=True)
    for name in ("adapter_config.json", "adapter_model.safetensors", "checkpoint-2/optimizer.pt"):
        (tuned / name).write_text(name)
    assert put_adapter(Config({"lora_model_dir": str(tuned)}), draft) == {"lora_model_dir": "lora_model_dir"}
    put = {path.name: path.read_text() for path in (draft / "lora_model_dir").iterdir()}
    assert put == {name: name for name in ("adapter_config.json", "adapter_model.safetensors")}


@pytest.mark.parametrize("name", [None, "org/name"])
def test_an_adapter_that_is_not_here_stays_a_name(name: str | None, tmp_path: Path) -> None:
    assert put_adapter(Config({"lora_model_dir": name}), tmp_path) == {}
    assert list(tmp_path.iterdir()) == []
