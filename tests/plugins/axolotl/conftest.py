"""Configs as axolotl's plugin sees them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ftk.config.marked_yaml import read_yaml
from ftk.config.resolve import resolve
from ftk.config.resolved import Config
from ftk.files import write_json
from ftk.home import Home
from ftk.hooks.manager import Manager
from ftk.runs.cache import Cache
from ftk.runs.run import Run
from ftk.testing.tiny_model import write_tiny_model

RAW = {"stages": {"stage_data": "axolotl"}}

ROW = '{"instruction": "1 + 1", "output": "2"}\n'


@pytest.fixture
def config() -> Callable[..., Config]:
    """Makes a resolved config of these keys."""

    def make(**keys: Any) -> Config:
        block = {"nproc": None, "launcher": None, "telemetry": False}
        stages = {"stage_data": "formats"}
        return Config({"ftk": {"axolotl": block, "backend": "elsewhere", "stages": stages}, **keys})

    return make


@pytest.fixture(scope="module")
def manager() -> Manager:
    return Manager.load()


@pytest.fixture
def make_run(tmp_path: Path, manager: Manager) -> Callable[..., Run]:
    """Makes a run whose rows go to axolotl as they are, unless its keys say otherwise; all share a cache."""
    base = write_tiny_model(tmp_path / "base")
    home = Home(tmp_path / "runs", tmp_path / "cache")

    def make(name: str, keys: Mapping[str, Any] = {}, path: str = "data.jsonl", rows: str = ROW) -> Run:
        folder = home.runs / name
        folder.mkdir(parents=True)
        (folder / "data.jsonl").write_text(rows)
        data = [{"path": path, "type": "alpaca"}]
        values = {"base_model": str(base), "datasets": data, "ftk": {"engine": "axolotl", **RAW}, **keys}
        write_json(folder / "config.json", values)
        config = resolve(read_yaml((folder / "config.json").read_text(), "config.yml"), [], manager)
        return Run(folder, Cache(home.cache), config, manager, manager.backend("local", home))

    return make
