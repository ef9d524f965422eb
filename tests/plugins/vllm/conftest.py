"""Runs whose models a server can be described of: shapes of models, and no weights to speak of."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ftk.accelerator import Accelerator
from ftk.config.marked_yaml import read_yaml
from ftk.config.resolve import resolve
from ftk.home import Home
from ftk.hooks.manager import Manager
from ftk.runs.cache import Cache
from ftk.runs.run import Run
from ftk.testing.tiny_model import write_tiny_model


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A base model with 36 attention heads of size 64, which share 12 heads for keys and values."""
    folder = write_tiny_model(tmp_path / "base")
    config = json.loads((folder / "config.json").read_text())
    shape = {"num_attention_heads": 36, "num_key_value_heads": 12, "hidden_size": 36 * 64}
    (folder / "config.json").write_text(json.dumps({**config, **shape}))
    return folder


@pytest.fixture
def make_run(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Makes a run on a machine with so many GPUs, whose config has these lines more."""

    def make(lines: Sequence[str] = (), gpus: int = 0, name: str = "one") -> Run:
        accelerator = Accelerator("cuda", gpus) if gpus else Accelerator("cpu")
        monkeypatch.setattr(Run, "accelerator", lambda run: accelerator)
        manager = Manager.load()
        home = Home(tmp_path / "runs", tmp_path / "cache")
        text = "\n".join([f"base_model: {base}", "datasets: [{path: x.jsonl, type: {}}]", *lines])
        folder = home.runs / name
        folder.mkdir(parents=True)
        config = resolve(read_yaml(text, "config.yml"), [], manager)
        return Run(folder, Cache(home.cache), config, manager, manager.backend("local", home))

    return make
