"""Memory does not grow with the file."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROWS = 10_000
"""Rows of the smaller file: some 10 MB."""

GROWTH = 8.0
"""MiB that four times as many rows may take more: the file itself would take thirty."""

LONG_GROWTH = 100.0
"""MiB that four times as many rows of 100 kB may take more: their tokens would take a thousand."""


def rows(number: int, pairs: int = 20) -> Iterator[Mapping[str, str]]:
    for row in range(number):
        yield {"instruction": f"w1 w{row % 40} " * pairs + "-" * 800, "output": f"w{row % 40}"}


def write(path: Path, number: int, pairs: int = 20) -> Path:
    if path.suffix == ".parquet":
        schema = pa.schema([("instruction", pa.string()), ("output", pa.string())])
        pq.write_table(pa.Table.from_pylist(list(rows(number, pairs)), schema), path, row_group_size=1000)
        return path
    with path.open("w", newline="") as stream:
        if path.suffix == ".csv":
            table = csv.DictWriter(stream, ["instruction", "output"])
            table.writeheader()
            table.writerows(rows(number, pairs))
        elif path.suffix == ".json":
            stream.write("[" + ", ".join(map(json.dumps, rows(number, pairs))) + "]")
        else:
            stream.writelines(json.dumps(row) + "\n" for row in rows(number, pairs))
    return path


MostMemory = Callable[..., float]


@pytest.fixture
def most_memory(tmp_path: Path, cache: Path) -> MostMemory:
    """Measures what staging so many rows of a kind of file, each with so many pairs of words, takes at most, in MiB."""

    def measure(ending: str, number: int, pairs: int = 20) -> float:
        data = write(tmp_path / f"rows-{number}{ending}", number, pairs)
        (tmp_path / f"run-{number}").mkdir()
        argv: list[Any] = [Path(__file__).with_name("stage_rows.py"), tmp_path / f"run-{number}", cache, data]
        return float(subprocess.run([sys.executable, *argv], check=True, stdout=subprocess.PIPE, text=True).stdout)

    return measure


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".jsonl", ".json", ".csv", ".parquet"])
def test_four_times_the_rows_take_no_more_memory(ending: str, most_memory: MostMemory) -> None:
    assert most_memory(ending, 4 * ROWS) - most_memory(ending, ROWS) < GROWTH


@pytest.mark.slow
def test_long_rows_are_taken_a_few_at_a_time(most_memory: MostMemory) -> None:
    few, many = (most_memory(".jsonl", number, 15_000) for number in (100, 400))
    assert many - few < LONG_GROWTH
