"""Configs as axolotl's plugin sees them."""

from collections.abc import Callable
from typing import Any

import pytest

from ftk.config import Config


@pytest.fixture
def config() -> Callable[..., Config]:
    """Makes a resolved config of these keys."""

    def make(**keys: Any) -> Config:
        return Config({"ftk": {"axolotl": {"nproc": None, "launcher": None, "telemetry": False}}, **keys})

    return make
