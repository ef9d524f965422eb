"""Memory does not grow with the file."""

import csv
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROWS = 10_000
"""Rows of the smaller file: some 10 MB."""

GROWTH = 8.0
"""MiB that four times as many rows may take more: the file itself would take thirty."""


def rows(number: int) -> Iterator[Mapping[str, str]]:
    for row in range(number):
        yield {"instruction": f"w1 w{row % 40} " * 20 + "-" * 800, "output": f"w{row % 40}"}


def write(path: Path, number: int) -> Path:
    if path.suffix == ".parquet":
        schema = pa.schema([("instruction", pa.string()), ("output", pa.string())])
        pq.write_table(pa.Table.from_pylist(list(rows(number)), schema), path, row_group_size=1000)
        return path
    with path.open("w", newline="") as stream:
        if path.suffix == ".csv":
            table = csv.DictWriter(stream, ["instruction", "output"])
            table.writeheader()
            table.writerows(rows(number))
        elif path.suffix == ".json":
            stream.write("[" + ",\n".join(map(json.dumps, rows(number))) + "]")
        else:
            stream.writelines(json.dumps(row) + "\n" for row in rows(number))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".jsonl", ".json", ".csv", ".parquet"])
def test_four_times_the_rows_take_no_more_memory(ending: str, tmp_path: Path, cache: Path) -> None:
    def most_memory(number: int) -> float:
        data = write(tmp_path / f"rows-{number}{ending}", number)
        (tmp_path / f"run-{number}").mkdir()
        argv: list[Any] = [Path(__file__).with_name("stage_rows.py"), tmp_path / f"run-{number}", cache, data]
        return float(subprocess.run([sys.executable, *argv], check=True, stdout=subprocess.PIPE, text=True).stdout)

    assert most_memory(4 * ROWS) - most_memory(ROWS) < GROWTH
