"""Read the rows of a data file one at a time, each with the line that it stands on."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftk.plugin import Problem, RowError

READABLE = (".jsonl", ".json")


@dataclass(frozen=True)
class Row:
    """A row of a data file.

    :param line: its line, counted from 1.
    :param fields: its content, or what is wrong with the line.
    """

    line: int
    fields: dict[str, Any] | RowError


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file with one JSON object a line; blank lines are passed over."""
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                yield Row(number, _parse(line))


def _parse(line: bytes) -> dict[str, Any] | RowError:
    try:
        fields = json.loads(line)
    except UnicodeDecodeError as error:
        return RowError(f"is no UTF-8 text (byte {error.start})", "save the file as UTF-8")
    except (ValueError, RecursionError) as error:
        return RowError(f"is no JSON: {error}", "write one JSON object a line")
    if not isinstance(fields, dict):
        return RowError("is no JSON object", 'write one such as {"question": "...", "answer": "..."} a line')
    return fields


def row_problem(name: str, line: int, error: RowError) -> Problem:
    """The problem that a bad row is."""
    return Problem(f"{name}:{line}", error.message, error.remedy)
