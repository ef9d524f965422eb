"""What the stage tells."""

import re
from collections.abc import Callable
from inspect import getmodule, signature
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ftk.artifacts import Artifact, PreparedModel, TrainedModel
from ftk_merge import plugin
from ftk_merge.merge import merge
from ftk_merge.parity import parity


class Stopped(Exception):
    """The run would execute a command."""


@pytest.mark.parametrize(
    ("keys", "told"),
    [({"adapter": "qlora"}, True), ({"load_in_8bit": True}, True), ({"adapter": "lora"}, False)],
    ids=["qlora", "eight bits", "lora"],
)
def test_a_merge_into_unquantised_weights_is_told(keys: dict[str, Any], told: bool, tmp_path: Path) -> None:
    """Only a GPU can train on a quantised model, so that the run is no real one."""
    notices: list[str] = []

    def execute(command: Any) -> None:
        raise Stopped

    config = SimpleNamespace(get=keys.get, setting=lambda name: None, timeout=1.0)
    run: Any = SimpleNamespace(
        config=config,
        notice=notices.append,
        execute=execute,
        tokenizer=lambda: Artifact("cache", "tokenizer"),
        merged_folder=Artifact("run", "merged"),
        path=lambda artifact: tmp_path / artifact.path,
    )
    trained = TrainedModel(Artifact("run", "lora-out"), is_adapter=True, steps=1, train_loss=None, eval_loss=None)
    with pytest.raises(Stopped):
        plugin.merge(run, PreparedModel(Artifact("cache", "base"), "digest", 1), trained)
    assert notices == ["trained on a quantised base model, the adapter is folded into its unquantised weights"] * told


@pytest.mark.parametrize("command", [merge, parity])
def test_a_command_tells_its_arguments(command: Callable[..., None]) -> None:
    usage = re.search(r"`python -m [\w.]+ ([A-Z ]+)`", getmodule(command).__doc__ or "")
    assert usage and usage[1].lower().split() == list(signature(command).parameters)
