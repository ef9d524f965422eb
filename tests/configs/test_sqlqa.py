"""The text-to-SQL sample data is what its generator writes, and its queries answer their questions."""

from __future__ import annotations

import importlib.util
import json
import re
import sqlite3
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

DATA = Path(__file__).parents[2] / "configs" / "data"
FULL, SUBSAMPLE = DATA / "sqlqa.jsonl", DATA / "sqlqa.subsample.jsonl"

Row = dict[str, str]
Value = str | int | float | None
Schema = dict[str, dict[str, str]]  # table -> column -> type
Wanted = dict[tuple[str, str], list[Value]]  # (table, column) -> values that meet the query's conditions

LITERAL = r"'(?:[^']|'')*'|\d+(?:\.\d+)?"
COMPARED = re.compile(rf"(?:(T[12])\.)?(\w+) (=|!=|<=|>=|<|>|LIKE) ({LITERAL})")
BETWEEN = re.compile(rf"(?:(T[12])\.)?(\w+) BETWEEN ({LITERAL}) AND ({LITERAL})")
AMONG = re.compile(r"(?:(T[12])\.)?(\w+) IN \(('[^)]*')\)")
MISSING = re.compile(r"(?:(T[12])\.)?(\w+) IS NULL")
AVERAGE = re.compile(rf"AVG\((?:(T[12])\.)?(\w+)\) ([<>]) ({LITERAL})")
KEYS = re.compile(r"T1\.(\w+) = T2\.(\w+)")


@cache
def generator() -> ModuleType:
    """The generator, loaded from its file."""
    spec = importlib.util.spec_from_file_location("make_sqlqa", DATA / "make_sqlqa.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look up their module by name
    spec.loader.exec_module(module)
    return module


@cache
def made() -> list[tuple[str, Row]]:
    """The rows of the full file with their shapes."""
    return list(islice(generator().examples(), 4000))


def stored(path: Path) -> list[Row]:
    """The rows of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def query(row: Row) -> str:
    """The SQL without its marks."""
    return row["answer"].removeprefix("[SQL] ").removesuffix(" [/SQL]")


# --- a small database that suits a row --------------------------------------------------------------------


def schema_of(row: Row) -> Schema:
    """The tables of the context, in its order."""
    tables = re.findall(r"CREATE TABLE (\w+) \(([^)]*)\)", row["context"])
    return {name: dict(column.split() for column in columns.split(", ")) for name, columns in tables}


def value_of(literal: str) -> str | float:
    """The value that an SQL literal stands for."""
    return literal[1:-1].replace("''", "'") if literal.startswith("'") else float(literal)


def satisfying(sign: str, value: str | float) -> Value:
    """A value for which `column sign value` holds."""
    if isinstance(value, str):
        return {"LIKE": value.replace("%", "mm"), "!=": f"not {value}"}.get(sign, value)
    return {"<": value - 1, ">": value + 1}.get(sign, value)


def conditions(sql: str) -> Iterator[tuple[str, str, list[Value]]]:
    """Alias (perhaps empty), column and satisfying values of every condition of the query."""
    for pattern in (COMPARED, AVERAGE):
        for alias, column, sign, literal in pattern.findall(sql):
            yield alias, column, [satisfying(sign, value_of(literal))]
    for alias, column, low, high in BETWEEN.findall(sql):
        yield alias, column, [value_of(low), value_of(high)]
    for alias, column, literals in AMONG.findall(sql):
        yield alias, column, [value_of(literal) for literal in re.findall(LITERAL, literals)]
    for alias, column in MISSING.findall(sql):
        yield alias, column, [None]


def wanted_values(sql: str, schema: Schema) -> Wanted:
    """The values to put into the columns that the query restricts."""
    wanted: Wanted = defaultdict(list)
    for alias, column, values in conditions(sql):
        table = list(schema)[alias == "T2"]
        assert column in schema[table], f"{column} is not in {table}: {sql}"
        wanted[table, column] += values
    return wanted


def any_value(rng: Random, kind: str, wanted: list[Value]) -> Value:
    """A random value: half of the texts are the same one, so that groups differ in size."""
    if kind == "VARCHAR":
        return rng.choice(["common"] * 6 + ["rare", "seldom", "odd", "unusual", *wanted[:2]])
    known = [value for value in wanted if isinstance(value, float)]
    return round((rng.choice(known) if known else 50) + rng.randint(-40, 40), 1)


def table_rows(rng: Random, table: str, columns: dict[str, str], wanted: Wanted, size: int) -> list[list[Value]]:
    """Rows of which the first few meet every condition; the last does too, in a group of its own."""
    rows: list[list[Value]] = []
    for index in range(size):
        row: list[Value] = []
        for column, kind in columns.items():
            values = wanted.get((table, column), [])
            if values and (index < 4 or index == size - 1):
                row.append(values[index % len(values)])
            elif kind == "VARCHAR" and index in (0, 1, size - 1):
                row.append("alone" if index == size - 1 else "first")
            else:
                row.append(any_value(rng, kind, values))
        rows.append(row)
    return rows


def share_keys(rng: Random, sql: str, schema: Schema, rows: dict[str, list[list[Value]]]) -> None:
    """Number the parents and give each child one of them; the last two parents stay without."""
    match = KEYS.search(sql)
    if match is None:
        return
    (parent, child), (key, ref) = list(schema), match.groups()
    key_at, ref_at = list(schema[parent]).index(key), list(schema[child]).index(ref)
    parents = len(rows[parent])
    for number, row in enumerate(rows[parent], 1):
        row[key_at] = number
    for index, row in enumerate(rows[child]):
        row[ref_at] = 1 if index < 6 else 2 if index == 6 else rng.randint(3, parents - 2)


def results(row: Row, seed: int) -> list[tuple[Value, ...]]:
    """What the answer's query gives on a database filled to suit it."""
    rng, sql, schema = Random(seed), query(row), schema_of(row)
    wanted = wanted_values(sql, schema)
    sizes = dict(zip(schema, (8, 24) if len(schema) == 2 else (20,), strict=True))
    rows = {table: table_rows(rng, table, schema[table], wanted, sizes[table]) for table in schema}
    share_keys(rng, sql, schema, rows)
    database = sqlite3.connect(":memory:")
    try:
        database.executescript(row["context"])
        for table, values in rows.items():
            marks = ", ".join("?" * len(schema[table]))
            database.executemany(f"INSERT INTO {table} VALUES ({marks})", values)
        return database.execute(sql).fetchall()
    finally:
        database.close()


# --- tests ------------------------------------------------------------------------------------------------


def test_files_are_what_the_generator_writes(tmp_path: Path) -> None:
    generator().write(tmp_path / "full", made())
    generator().write(tmp_path / "subsample", generator().subsample(made()))
    assert (tmp_path / "full").read_bytes() == FULL.read_bytes()
    assert (tmp_path / "subsample").read_bytes() == SUBSAMPLE.read_bytes()


def test_command_writes_the_first_rows_to_a_file(tmp_path: Path) -> None:
    generator().main(["--rows", "100", "--out", str(tmp_path / "some.jsonl")])
    assert (tmp_path / "some.jsonl").read_bytes() == b"".join(FULL.read_bytes().splitlines(True)[:100])


def test_command_keeps_the_files_at_their_size(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        generator().main(["--rows", "100"])
    assert "--rows needs --out" in capsys.readouterr().err


def test_there_are_words_for_forty_thousand_rows() -> None:
    rows = [row for _, row in islice(generator().examples(), 40_000)]
    assert len({(row["question"], row["context"]) for row in rows}) == 40_000
    assert rows[:4000] == stored(FULL)


@pytest.mark.parametrize(("path", "count"), [(FULL, 4000), (SUBSAMPLE, 64)])
def test_rows_are_distinct_and_well_formed(path: Path, count: int) -> None:
    rows = stored(path)
    assert len(rows) == count
    assert len({(row["question"], row["context"]) for row in rows}) == count
    for row in rows:
        assert list(row) == ["question", "context", "answer"]
        assert all(isinstance(value, str) and value == value.strip() for value in row.values())
        assert row["answer"].startswith("[SQL] SELECT ") and row["answer"].endswith(" [/SQL]")


def test_subsample_is_part_of_the_full_file() -> None:
    full = {json.dumps(row) for row in stored(FULL)}
    assert all(json.dumps(row) in full for row in stored(SUBSAMPLE))


def test_every_shape_appears() -> None:
    shapes = Counter(shape for shape, _ in made())
    assert set(shapes) == set(generator().SHAPES) and len(shapes) == 47
    assert min(shapes.values()) >= 80
    assert {shape for shape, _ in generator().subsample(made())} == set(generator().SHAPES)


def test_a_question_has_one_answer() -> None:
    answers = defaultdict(set)
    for row in stored(FULL):
        answers[row["question"]].add(row["answer"])
    assert [question for question, given in answers.items() if len(given) > 1] == []


@pytest.mark.parametrize("path", [FULL, SUBSAMPLE])
def test_literals_are_in_the_question(path: Path) -> None:
    for row in stored(path):
        for literal in re.findall(LITERAL, re.sub(r"T[12]\.| LIMIT 1$", " ", re.sub(r"AS T[12]", "", query(row)))):
            plain = literal.strip("'%").replace("''", "'")
            assert plain in row["question"], row


def test_contexts_have_two_to_four_columns_per_table() -> None:
    for row in stored(FULL):
        schema = schema_of(row)
        assert len(schema) in (1, 2)
        assert row["context"].count("CREATE TABLE") == len(schema)
        assert all(2 <= len(columns) <= 4 for columns in schema.values())


def test_rows_are_short() -> None:
    def median_words(path: Path) -> int:
        counts = sorted(len(re.findall(r"\w+|[^\w\s]", " ".join(row.values()))) for row in stored(path))
        return counts[len(counts) // 2]

    assert median_words(SUBSAMPLE) <= 45
    assert median_words(FULL) <= 55


@pytest.mark.parametrize("path", [FULL, SUBSAMPLE])
def test_queries_run_and_find_something(path: Path) -> None:
    rows = stored(path)
    found = [any(value is not None for line in results(row, seed) for value in line) for seed, row in enumerate(rows)]
    missing = Counter(query(row) for row, hit in zip(rows, found, strict=True) if not hit)
    assert sum(found) / len(rows) > 0.98, list(missing)[:10]
