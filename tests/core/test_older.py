"""Configs of runs that other plugins have resolved than are here."""

from typing import Any

import pytest

from ftk.config.overrides import Override
from ftk.config.resolved import Config
from ftk.errors import ProblemsFound
from ftk.hooks.manager import Manager
from ftk.plugin import hookimpl
from ftk.runs.opening import changed


class Block:
    """A plugin with a block of settings."""

    @hookimpl
    def config_block(self) -> dict[str, Any]:
        properties = {"size": {"type": "integer", "default": 3}}
        return {"block": {"type": "object", "additionalProperties": False, "properties": properties}}


@pytest.fixture
def resolved(manager: Manager) -> Config:
    """The config of a run that plugins of then have resolved."""
    manager.register(Block(), "block")
    stages = ("stage_data", "prepare_model", "merge", "generate", "score", "serve")
    block = {"engine": "stub", "stages": dict.fromkeys(stages, "stub"), "backend": "local", "loggers": []}
    old = {"block": {"size": 4, "colour": "red"}, "gone": {"deep": 1}}
    return Config(
        {"base_model": "x", "datasets": [{"path": "x"}], "forgotten": 5, "lora_r": 4, "ftk": {**block, **old}}
    )


def test_what_is_new_has_its_default_and_what_nobody_knows_stays(resolved: Config, manager: Manager) -> None:
    found = changed(resolved, [Override(("lora_r",), 2, "--set lora_r")], manager)
    assert (found["lora_r"], found["gradient_checkpointing"], found["forgotten"]) == (2, False, 5)
    assert (found.ftk["block"], found.ftk["gone"]) == ({"size": 4, "colour": "red"}, {"deep": 1})


@pytest.mark.parametrize("path", [("lora_rr",), ("forgotten",), ("ftk", "gone", "deep"), ("ftk", "block", "colour")])
def test_what_nobody_knows_cannot_be_set(resolved: Config, manager: Manager, path: tuple[str, ...]) -> None:
    with pytest.raises(ProblemsFound, match="is read by nothing that this run uses"):
        changed(resolved, [Override(path, 1, f"--set {'.'.join(path)}")], manager)
