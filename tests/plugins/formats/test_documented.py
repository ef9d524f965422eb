"""The data sets of the README are read as it says."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import ftk_formats.plugin
from ftk.config.resolved import Config
from ftk.data.locating import data_problems, located_data
from ftk.hooks.manager import Manager
from ftk.plugin import LOCATED, complete, data_sets
from ftk_formats.source import make_source

ALPACA = {"instruction": "ask", "input": "", "output": "say"}
CHAT = {"messages": [{"role": "user", "content": "ask"}, {"role": "assistant", "content": "say"}]}


@pytest.fixture
def config(root: Path, tmp_path: Path) -> Config:
    """The README's data sets, with files of theirs."""
    [block] = re.findall(r"```yaml\n(datasets:.*?test_datasets:.*?)```", (root / "README.md").read_text(), re.DOTALL)
    for name in ("shards", "notes/2024"):
        (tmp_path / name).mkdir(parents=True)
    with pa.CompressedOutputStream(str(tmp_path / "chats.jsonl.zst"), "zstd") as stream:
        stream.write((json.dumps(CHAT) + "\n").encode())
    for name, rows in (("train-0.parquet", 20), ("test-0.parquet", 3)):
        pq.write_table(pa.Table.from_pylist([ALPACA] * rows), tmp_path / "shards" / name)
    for name in ("notes/2024/a.dat", "notes/2024/b.dat", "notes/extra.dat", "notes/other.dat"):
        (tmp_path / name).write_text("two\nlines\n")
    with (tmp_path / "held-out.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(ALPACA))
        writer.writeheader()
        writer.writerow(ALPACA)
    values = complete(yaml.safe_load(block), {"properties": ftk_formats.plugin.KEYS})
    block_of_data = complete({}, ftk_formats.gate.BLOCK)
    raw = Config(
        {**values, "ftk": {"data": block_of_data, "stages": {"stage_data": "formats"}}}, lambda path: str(path)
    )
    return Config({**raw.values, **located_data(raw, tmp_path)}, raw.place)


@pytest.fixture
def manager() -> Manager:
    """The formats alone."""
    found = Manager()
    found.register(ftk_formats.plugin, "formats")
    return found


def test_nothing_is_wrong_with_them(config: Config, manager: Manager) -> None:
    assert [*data_problems(config), *manager.check(config)] == []


def test_they_hold_the_rows_that_are_meant(config: Config, manager: Manager) -> None:
    def rows(item: Any) -> list[Any]:
        source = make_source(item, item.files(LOCATED), Path(), config, manager.dataset_formats())
        return [row.fields for _, row in source.rows()]

    items = data_sets(config)
    assert [item.is_on_hub(LOCATED) for item in items] == [False, False, True, False, False, False]
    chats, shards, _, elsewhere, notes, held_out = items
    assert elsewhere.path == "backend:/data/rows.jsonl"
    assert rows(chats) == [CHAT]
    assert rows(shards) == [ALPACA] * 2
    assert rows(notes) == [{"text": "two\nlines\n"}] * 3
    assert rows(held_out) == [ALPACA]
