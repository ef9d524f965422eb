"""The ids of runs, and the names that people give them."""

import re
from typing import Any

import pytest

from ftk.errors import UsageError
from ftk.runs.names import name_in, new_id, refuse_name
from ftk.runs.record import find_run

FIRST = "ftk-2026-11-24-19-13-05-0fb0-my-sql"
SECOND = "ftk-2026-11-24-20-13-05-0fb1"
THIRD = "ftk-2026-11-25-20-13-05-0fb1-sql"


class Runs:
    """A backend that knows these runs."""

    def runs(self) -> list[str]:
        return [FIRST, SECOND, THIRD]

    def describe(self, run_id: str, path: str) -> str:
        return "runs"


@pytest.fixture
def backend() -> Any:
    return Runs()


@pytest.mark.parametrize("name", ["my-sql", "2b", "a_B-3", "x" * 40])
def test_an_id_has_its_name_in_it(name: str) -> None:
    refuse_name(name, [])
    made = new_id(name)
    assert re.fullmatch(rf"ftk(-\d+){{6}}-[0-9a-f]{{4}}-{name}", made)
    assert name_in(made) == name


def test_a_run_needs_no_name() -> None:
    assert re.fullmatch(r"ftk(-\d+){6}-[0-9a-f]{4}", new_id())
    assert name_in(new_id()) is None


@pytest.mark.parametrize(
    "name", ["", "a b", "a/b", ".", "a.partial", "-x", "latest", "ftk-1", "8000", "ä", "x" * 41, "a\n"]
)
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="a run cannot be named"):
        refuse_name(name, [])


def test_a_name_is_given_once() -> None:
    with pytest.raises(UsageError, match=f"{FIRST} has the name 'my-sql'"):
        refuse_name("my-sql", [FIRST, SECOND])


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (FIRST, FIRST),
        ("my-sql", FIRST),
        ("sql", THIRD),
        ("ftk-2026-11-24-2", SECOND),
        ("latest", THIRD),
        (None, THIRD),
    ],
)
def test_runs_are_found_by_id_name_and_beginning(backend: Any, name: str | None, found: str) -> None:
    assert find_run(backend, name).id == found


@pytest.mark.parametrize("name", ["my", "0fb1", "zzz"])
def test_part_of_a_name_is_none(backend: Any, name: str) -> None:
    with pytest.raises(UsageError, match="there is no run"):
        find_run(backend, name)
