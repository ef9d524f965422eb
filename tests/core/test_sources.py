"""Which files an entry of `datasets` means."""

from pathlib import Path
from typing import Any

import pytest

from ftk.data.sources import DataSet, kind_of
from ftk.errors import UsageError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with data of several forms."""
    for name in (
        *("one.jsonl", "two.csv.gz", "plain/a.jsonl", "plain/b.jsonl", "plain/README.md", "plain/.hidden.jsonl"),
        *("hub/data/train-0.parquet", "hub/data/train-1.parquet", "hub/data/validation-0.parquet"),
        *("saved/train/data-0.arrow", "saved/train/state.json", "saved/test/data-0.arrow", "saved/dataset_dict.json"),
        *("mixed/a.csv", "mixed/a.jsonl", "empty/readme.md", "odd/train.csv", "odd/more.csv"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def files(root: Path, path: str, key: str = "datasets", **entry: Any) -> list[str]:
    """The names of the files that an entry means."""
    found = DataSet(key, 0, {"path": path, **entry}).files(root)
    return [file.relative_to(root).as_posix() for file in found]


@pytest.mark.parametrize(
    ("path", "entry", "found"),
    [
        ("one.jsonl", {}, ["one.jsonl"]),
        ("one.jsonl", {"split": "train[:10]"}, ["one.jsonl"]),
        ("hub/data/validation-0.parquet", {"split": "train"}, ["hub/data/validation-0.parquet"]),
        ("hub/data/validation-0.parquet", {"split": "val"}, ["hub/data/validation-0.parquet"]),
        ("plain/a.jsonl", {"split": "validation"}, ["plain/a.jsonl"]),
        ("plain", {}, ["plain/a.jsonl", "plain/b.jsonl"]),
        ("plain/*.jsonl", {}, ["plain/.hidden.jsonl", "plain/a.jsonl", "plain/b.jsonl"]),
        ("plain", {"data_files": "b.jsonl"}, ["plain/b.jsonl"]),
        ("plain", {"data_files": ["b.jsonl", "a*"]}, ["plain/b.jsonl", "plain/a.jsonl"]),
        (".", {"data_files": "**/train-*.parquet"}, ["hub/data/train-0.parquet", "hub/data/train-1.parquet"]),
        ("hub", {}, ["hub/data/train-0.parquet", "hub/data/train-1.parquet"]),
        ("hub", {"split": "validation[:5%]"}, ["hub/data/validation-0.parquet"]),
        ("hub", {"split": "val"}, ["hub/data/validation-0.parquet"]),
        ("saved", {}, ["saved/train/data-0.arrow"]),
        ("mixed", {"ds_type": "csv"}, ["mixed/a.csv"]),
    ],
)
def test_a_path_means_these_files(root: Path, path: str, entry: dict[str, Any], found: list[str]) -> None:
    assert files(root, path, **entry) == found


def test_data_to_evaluate_on_are_of_the_split_test(root: Path) -> None:
    assert files(root, "saved", "test_datasets") == ["saved/test/data-0.arrow"]
    assert files(root, "plain", "test_datasets") == ["plain/a.jsonl", "plain/b.jsonl"]


@pytest.mark.parametrize(
    ("path", "entry", "message", "remedy"),
    [
        ("empty", {}, "empty holds no data file", ".jsonl, .json, .csv"),
        ("mixed", {}, "mixed holds files of several kinds: csv, json", "ds_type"),
        ("plain", {"ds_type": "csv"}, "plain holds no file of the `ds_type` csv", ".csv"),
        ("plain", {"data_files": "c.jsonl"}, "plain holds no file c.jsonl", "data_files"),
        ("odd", {}, "odd: the names of some files tell a split, that of more.csv does not", "data_files"),
        (
            "hub/data/train-0.parquet",
            {"split": "test[:5]"},
            "the name train-0.parquet tells the split train, but `split` is test",
            "remove `split`",
        ),
        ("hub", {"split": "test"}, "hub has no split test, only train and validation", "split"),
    ],
)
def test_what_is_not_there_is_told(root: Path, path: str, entry: dict[str, Any], message: str, remedy: str) -> None:
    with pytest.raises(UsageError) as error:
        files(root, path, **entry)
    assert error.value.message.replace(f"{root}/", "") == message
    assert remedy in str(error.value.remedy)


@pytest.mark.parametrize(
    ("path", "on_hub"),
    [
        ("org/name", True),
        ("org/name.v2", True),
        ("data/rows.jsonl", False),
        ("plain/a.jsonl", False),
        ("name", False),
        ("/abs/name", False),
        ("a/b/c", False),
    ],
)
def test_a_name_of_the_hub_is_known_by_its_form(root: Path, path: str, on_hub: bool) -> None:
    assert DataSet("datasets", 0, {"path": path}).is_on_hub(root) == on_hub


def test_what_lies_here_is_not_of_the_hub(root: Path) -> None:
    assert not DataSet("datasets", 0, {"path": "hub/data"}).is_on_hub(root)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(("a.jsonl", "json"), ("a.json.gz", "json"), ("a.csv.zst", "csv"), ("a.tsv", "csv"), ("a.txt", "text")),
        *(("a.parquet", "parquet"), ("a.parquet.gz", None), ("a.arrow", "arrow"), ("a.gz", None), ("a", None)),
    ],
)
def test_the_name_tells_the_kind(name: str, kind: str | None) -> None:
    assert kind_of(Path(name)) == kind
