"""Configs as axolotl's plugin sees them."""

from collections.abc import Callable
from typing import Any

import pytest

from ftk.config.resolved import Config


@pytest.fixture
def config() -> Callable[..., Config]:
    """Makes a resolved config of these keys."""

    def make(**keys: Any) -> Config:
        block = {"axolotl": {"nproc": None, "launcher": None, "telemetry": False}, "stages": {"stage_data": "formats"}}
        return Config({"ftk": block, **keys})

    return make
