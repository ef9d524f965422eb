"""The stand-in for Modal."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `standin`, which its own process imports too

from standin import boxes, running


@pytest.fixture(scope="session")
def standin() -> Iterator[running.Standin]:
    """A stand-in that all tests share; those that need one of their own use `running.start()`."""
    if problem := boxes.unsupported():
        pytest.skip(problem)
    with running.start() as started:
        yield started
