"""Configs as axolotl's plugin sees them."""

from collections.abc import Callable
from typing import Any

import pytest

from ftk.config.resolved import Config


@pytest.fixture
def config() -> Callable[..., Config]:
    """Makes a resolved config of these keys."""

    def make(**keys: Any) -> Config:
        block = {"nproc": None, "launcher": None, "telemetry": False}
        stages = {"stage_data": "formats"}
        return Config({"ftk": {"axolotl": block, "backend": "elsewhere", "stages": stages}, **keys})

    return make
