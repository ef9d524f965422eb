"""Writes `chats.jsonl` and `preferences.jsonl` from the first rows of `sqlqa.jsonl`, next to this file.

A chat is a list of messages with the answer as its last one; a preference has a chat without it, the right query as
`chosen` and one that ignores the question as `rejected`.

    python configs/data/make_chats.py
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROWS = 256

HERE = Path(__file__).parent

TASK = "Answer with one SQL query over the tables of the schema, and with nothing else."
"""Stands in the question, since some chat templates, such as Gemma's, have no system messages."""


def messages(row: Mapping[str, str]) -> list[dict[str, str]]:
    """What is said before the answer."""
    return [{"role": "user", "content": f"{TASK}\n\n{row['context']}\n\n{row['question']}"}]


def answer(query: str) -> dict[str, str]:
    """What the assistant says."""
    return {"role": "assistant", "content": query}


def right_query(row: Mapping[str, str]) -> str:
    """The query without its marks."""
    return row["answer"].removeprefix("[SQL] ").removesuffix(" [/SQL]")


def lazy_query(row: Mapping[str, str]) -> str:
    """A query that fits the schema and not the question."""
    table = row["context"].split()[2]
    return f"SELECT * FROM {table}"


def chat(row: Mapping[str, str]) -> dict[str, Any]:
    """A row of `chats.jsonl`."""
    return {"messages": [*messages(row), answer(right_query(row))]}


def preference(row: Mapping[str, str]) -> dict[str, Any]:
    """A row of `preferences.jsonl`."""
    return {"messages": messages(row), "chosen": answer(right_query(row)), "rejected": answer(lazy_query(row))}


def write(folder: Path) -> None:
    """Write both files into a folder."""
    lines = (HERE / "sqlqa.jsonl").read_text(encoding="utf-8").splitlines()[:ROWS]
    rows = [json.loads(line) for line in lines]
    makers: Mapping[str, Callable[[Mapping[str, str]], dict[str, Any]]] = {
        "chats.jsonl": chat,
        "preferences.jsonl": preference,
    }
    for name, make in makers.items():
        text = "".join(json.dumps(make(row)) + "\n" for row in rows)
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(HERE)
