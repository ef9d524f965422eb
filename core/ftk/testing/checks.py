"""Checks: functions that say what is wrong with a plugin, and whose first line of documentation says what should be."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

Check = Callable[[T], str | None]
"""Says what is wrong with its subject; None where nothing is."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    :param what: what should be, in a sentence.
    :param problem: what is wrong with it; None where nothing is.
    """

    what: str
    problem: str | None = None


def findings(checks: Iterable[Check[T]], subject: T, prefix: str = "") -> Iterator[Finding]:
    """What the checks say, one after the other; whatever they raise is a problem too.

    :param prefix: stands before what each check says, such as the name of one of several subjects.
    """
    for check in checks:
        what = prefix + (check.__doc__ or check.__name__).partition("\n")[0].rstrip(".")
        try:
            yield Finding(what, check(subject))
        except Exception as error:  # a plugin under test may raise anything
            yield Finding(what, f"{type(error).__name__}: {error}")
