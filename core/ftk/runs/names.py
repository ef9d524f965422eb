"""The ids of runs: they sort by time, and end with the name that a person gave."""

import re
import secrets
import time
from collections.abc import Sequence

from ftk.errors import UsageError

LATEST = "latest"
"""Names the newest run."""

_ID = re.compile(r"ftk(-\d+){6}-[0-9a-f]{4}-(?P<name>.+)")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


def new_id(name: str | None = None) -> str:
    """An id such as `ftk-2026-11-24-19-13-05-0fb0`, or `ftk-2026-11-24-19-13-05-0fb0-my-sql` with a name."""
    made = time.strftime("ftk-%Y-%m-%d-%H-%M-%S-", time.gmtime()) + secrets.token_hex(2)
    return f"{made}-{name}" if name else made


def name_in(run_id: str) -> str | None:
    """The name that a person gave the run of this id."""
    found = _ID.fullmatch(run_id)
    return found["name"] if found else None


def refuse_name(name: str, runs: Sequence[str]) -> None:
    """Stop at a name that a run cannot have.

    :param runs: the ids of the runs that there are.
    :raises UsageError: naming the reason.
    """
    # Digits alone would name a server's port too.
    if not _NAME.fullmatch(name) or name == LATEST or name.startswith("ftk-") or name.isdecimal():
        raise UsageError(
            f"a run cannot be named {name!r}",
            f"use up to 40 letters, digits, - and _, not digits alone, `{LATEST}`, or what begins with `ftk-`",
        )
    taken = [run_id for run_id in runs if name_in(run_id) == name]
    if taken:
        raise UsageError(f"{taken[-1]} has the name {name!r}", f"choose another, or `ftk rm {name}` first")
