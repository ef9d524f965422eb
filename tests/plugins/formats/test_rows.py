"""Every kind of file gives the same rows, each with its place; whatever is broken is told where it is."""

import csv
import gzip
import json
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ftk.plugin import RowError
from ftk_formats.rows import DataFile

ROWS = [
    {"question": "one", "answer": 'two\nlines, and "quotes"'},
    {"question": "ünïcode → 🦊", "answer": "plain"},
    {"question": "three", "answer": ""},
]

Write = Callable[[Path], None]


def write_jsonl(path: Path) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))


def write_list(path: Path) -> None:
    path.write_text(json.dumps(ROWS, indent=2, ensure_ascii=False))


def write_csv(path: Path, **dialect: Any) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(ROWS[0]), **dialect)
        writer.writeheader()
        writer.writerows(ROWS)


def write_tsv(path: Path) -> None:
    write_csv(path, delimiter="\t")


def write_parquet(path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=2)


def write_arrow(path: Path) -> None:
    table = pa.Table.from_pylist(ROWS)
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)


def write_stream(path: Path) -> None:
    table = pa.Table.from_pylist(ROWS)
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table into a file of the kind that its name tells."""
    if path.suffix == ".parquet":
        pq.write_table(table, path)
        return
    open_writer = pa.ipc.new_stream if path.name == "stream.arrow" else pa.ipc.new_file
    with open_writer(path, table.schema) as writer:
        writer.write_table(table)


KINDS_OF_TABLES = {"d.parquet": "parquet", "d.arrow": "arrow", "stream.arrow": "arrow"}

KINDS: Mapping[str, tuple[str, Write]] = {
    "rows.jsonl": ("json", write_jsonl),
    "rows.json": ("json", write_list),
    "rows.csv": ("csv", write_csv),
    "rows.tsv": ("csv", write_tsv),
    "rows.parquet": ("parquet", write_parquet),
    "rows.arrow": ("arrow", write_arrow),
    "stream.arrow": ("arrow", write_stream),
}


def read(path: Path, kind: str) -> list[tuple[str, Any]]:
    """The place and the content of each row; of a broken one, its message."""
    file = DataFile(path, kind, path.name)
    return [
        (file.place(row.number), row.fields.message if isinstance(row.fields, RowError) else row.fields)
        for row in file.rows()
    ]


def compress(path: Path, ending: str) -> Path:
    target = path.with_name(path.name + ending)
    content = path.read_bytes()
    if ending == ".gz":
        target.write_bytes(gzip.compress(content[:20]) + gzip.compress(content[20:]))
    else:
        with pa.CompressedOutputStream(str(target), "zstd") as stream:
            stream.write(content)
    return target


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_gives_the_same_rows(name: str, tmp_path: Path) -> None:
    kind, write = KINDS[name]
    write(tmp_path / name)
    assert [fields for _, fields in read(tmp_path / name, kind)] == ROWS


@pytest.mark.parametrize("ending", [".gz", ".zst"])
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "rows.csv", "rows.tsv"])
def test_text_may_be_compressed(name: str, ending: str, tmp_path: Path) -> None:
    kind, write = KINDS[name]
    write(tmp_path / name)
    assert read(compress(tmp_path / name, ending), kind)[0][1] == ROWS[0]
    assert len(read(compress(tmp_path / name, ending), kind)) == 3


def test_rows_are_known_by_the_line_that_they_begin_on(tmp_path: Path) -> None:
    write_csv(tmp_path / "rows.csv")
    assert [place for place, _ in read(tmp_path / "rows.csv", "csv")] == ["rows.csv:2", "rows.csv:4", "rows.csv:5"]
    write_list(tmp_path / "rows.json")
    assert [place for place, _ in read(tmp_path / "rows.json", "json")] == [
        "rows.json:2",
        "rows.json:6",
        "rows.json:10",
    ]
    write_parquet(tmp_path / "rows.parquet")
    assert [place for place, _ in read(tmp_path / "rows.parquet", "parquet")] == [
        *("rows.parquet:row 1", "rows.parquet:row 2", "rows.parquet:row 3")
    ]


def test_text_is_a_row_a_line_or_one_in_all(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text("\ufeffone\n\n  two \r\n")
    assert read(path, "text") == [("book.txt:1", {"text": "one"}), ("book.txt:3", {"text": "  two "})]
    assert read(path, "document") == [("book.txt:1", {"text": "one\n\n  two \r\n"})]


def test_a_list_may_be_larger_than_what_is_read_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ftk_formats.json_list.CHUNK", 7)
    rows = [{"text": f"ü{'x' * number}", "number": -number / 7} for number in range(60)]
    path = tmp_path / "rows.json"
    path.write_text("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n")
    assert read(path, "json") == [(f"rows.json:{number}", row) for number, row in enumerate(rows, 2)]


def test_a_list_on_one_line_is_not_held_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("json_list", "json_rows"):
        monkeypatch.setattr(f"ftk_formats.{module}.CHUNK", 1000)
    path = tmp_path / "rows.json"
    path.write_text(" \n" + json.dumps([{"text": "x" * (number % 300)} for number in range(5000)]))
    tracemalloc.start()
    try:
        count = sum(row.number == 2 for row in DataFile(path, "json", path.name).rows())
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 5000
    assert most < path.stat().st_size / 4


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("break_off", ["", "\n"])
def test_a_row_may_be_longer_than_what_is_read_at_a_time(
    size: int, break_off: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ftk_formats.json_rows.CHUNK", size)
    path = tmp_path / "rows.jsonl"
    path.write_text(f'  \n    {{"text": "{"ü" * 90}"}}\n{{"text": "b"}}{break_off}')
    assert read(path, "json") == [("rows.jsonl:2", {"text": "ü" * 90}), ("rows.jsonl:3", {"text": "b"})]


def test_lines_are_counted_without_being_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("ftk_formats.json_rows.decode")
    (tmp_path / "d.jsonl").write_text('{"a": 1}\n \n{broken\n')
    assert [row.number for row in DataFile(tmp_path / "d.jsonl", "json", "d.jsonl").rows()] == [1, 3]


@pytest.mark.parametrize("content", ['{"a": 1}\n%s\n{"b": 2}\n', '[{"a": 1},\n%s,\n{"b": 2}]'], ids=["lines", "list"])
@pytest.mark.parametrize("row", ['{"a": 1, "b": {}, "a": 1}', '{"m": [{"a": 1, "a": "} ,"}]}'])
def test_a_key_that_stands_twice_is_told_and_the_rest_is_read(content: str, row: str, tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text(content % row)
    first, second, third = DataFile(tmp_path / "d.json", "json", "d.json").rows()
    assert (first.fields, third.fields) == ({"a": 1}, {"b": 2})
    assert isinstance(second.fields, RowError)
    assert (second.number, second.fields.message) == (2, "has the key `a` twice in one object")


@pytest.mark.parametrize(
    ("content", "place", "message"),
    [
        ('[{"a": 1},\n{"a": 2},\n', "rows.json:3", "is no JSON: Expecting value"),
        ('[{"a": 1},\n{"a": 2}\n', "rows.json:3", "is no JSON: the list is not closed"),
        ('[{"a": 1}\n{"a": 2}]', "rows.json:2", "is no JSON: , or ] is missing"),
        ('[{"a": 1},\n{"a" 2},\n{"a": 3}' + " " * 99 + "]", "rows.json:2", "is no JSON: Expecting ':' delimiter"),
        ('[{"a": 1},\n5]', "rows.json:2", "is no JSON object"),
        ("[" * 100_000, "rows.json:1", "is no JSON: "),
        ("[]", None, ""),
    ],
)
def test_a_broken_list_is_told_where_it_breaks(content: str, place: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(content)
    found = read(path, "json")
    if place is None:
        assert found == []
    else:
        assert (found[-1][0], found[-1][1][: len(message)]) == (place, message)


def test_a_column_that_is_named_twice_is_told(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("a,b,a\n1,2,3\n")
    (row,) = DataFile(tmp_path / "d.csv", "csv", "d.csv").rows()
    assert isinstance(row.fields, RowError)
    assert (row.number, row.fields.message) == (1, "names the field `a` twice")


@pytest.mark.parametrize("name", KINDS_OF_TABLES)
def test_a_column_of_a_table_that_is_named_twice_is_told(name: str, tmp_path: Path) -> None:
    table = pa.table([pa.array([1]), pa.array([2]), pa.array([3])], names=["a", "b", "a"])
    write_table(tmp_path / name, table)
    assert read(tmp_path / name, KINDS_OF_TABLES[name]) == [(f"{name}:row 1", "names the field `a` twice")]


@pytest.mark.parametrize("name", KINDS_OF_TABLES)
@pytest.mark.parametrize(
    ("kind", "value"), [(pa.timestamp("us"), 2**63 - 1), (pa.timestamp("us", "Nowhere/Atall"), 1)], ids=["late", "zone"]
)
def test_a_value_of_a_table_that_python_cannot_represent_is_told(
    name: str, kind: pa.DataType, value: int, tmp_path: Path
) -> None:
    write_table(tmp_path / name, pa.table({"a": ["x", "y", "z"], "at": pa.array([None, value, None], kind)}))
    first, second, third = read(tmp_path / name, KINDS_OF_TABLES[name])
    assert (first[1], third[1]) == ({"a": "x", "at": None}, {"a": "z", "at": None})
    assert second[0] == f"{name}:row 2"
    assert second[1].startswith(f"the column `at` ({kind}) holds what Python cannot represent: ")


@pytest.mark.parametrize(
    ("content", "place", "message"),
    [
        (b"a,b\r1,2\r3,4\r", "rows.csv:1", "has a line end that is a CR alone"),
        (b"a,b\n1,2\n3\n4,5\n", "rows.csv:3", "has 1 fields, but the first line names 2"),
        (b'a,b\n1,"2\n3,4\n', "rows.csv:2", "is no CSV: "),
        ("a,b\n1,2\né,3\n".encode("latin-1"), "rows.csv:3", "is no UTF-8 text"),
    ],
)
def test_a_broken_record_is_told_where_it_begins(content: bytes, place: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    [bad] = [(at, found) for at, found in read(path, "csv") if isinstance(found, str)]
    assert (bad[0], bad[1][: len(message)]) == (place, message)


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_a_file_that_is_cut_short_is_told_after_its_rows(ending: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": f"{number * 7919}"}) + "\n" for number in range(9999)))
    whole = compress(path, ending)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert read(whole, "json")[-1][1].startswith("cannot be read on from here: ")


@pytest.mark.parametrize("name", ["rows.parquet", "rows.arrow", "stream.arrow"])
@pytest.mark.parametrize("keep", [0, 40, -20])
def test_a_damaged_table_is_told(name: str, keep: int, tmp_path: Path) -> None:
    kind, write = KINDS[name]
    write(tmp_path / name)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:keep])
    if name == "stream.arrow" and keep == -20:
        return  # only the mark of the end is gone
    assert read(tmp_path / name, kind)[-1][1].startswith("cannot be read on from here: ")


def test_a_file_of_another_kind_than_its_name_says_is_told(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "rows.parquet")
    assert read(tmp_path / "rows.parquet", "parquet")[-1][1].startswith("cannot be read on from here: ")
