"""A plugin that does nothing, and ways to call ftk with it instead of the installed ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from ftk.hooks import loading
from ftk.hooks.manager import Manager
from ftk.plugin import (
    Artifact,
    Backend,
    Completions,
    Endpoint,
    Home,
    Losses,
    MergedModel,
    Model,
    PreparedModel,
    Run,
    Schema,
    Served,
    Server,
    StagedData,
    TrainedModel,
    hookimpl,
    stage,
)

KEYS: dict[str, Schema] = {
    "adapter": {"enum": ["lora", None], "default": None},
    "lora_r": {"type": "integer", "default": 8, "minimum": 1},
    "learning_rate": {"type": "number", "default": 2e-4, "exclusiveMinimum": 0},
    "max_steps": {"type": ["integer", "null"], "default": None, "minimum": 1},
    "gradient_checkpointing": {"type": "boolean", "default": False},
}


class Engine:
    """Provides every stage, as the default for each, and does nothing."""

    @stage(revision=1, default=True)
    def stage_data(self, run: Run) -> StagedData:
        return StagedData(Artifact("run", "data"), "d", 1, 0, 1, 1, 0)

    @stage(revision=1, default=True)
    def prepare_model(self, run: Run) -> PreparedModel:
        return PreparedModel(Artifact("cache", "base"), "m", 1)

    @stage(revision=1, keys=KEYS, default=True)
    def train(self, run: Run, data: StagedData, model: PreparedModel) -> TrainedModel:
        return TrainedModel(run.training_folder, True, 1, None, None)

    @stage(revision=1, default=True)
    def merge(self, run: Run, model: PreparedModel, trained: TrainedModel) -> MergedModel:
        return MergedModel(run.merged_folder)

    @stage(revision=1, default=True)
    def generate(self, run: Run, model: Model, prompts: Artifact, output: Artifact) -> Completions:
        return Completions(output)

    @stage(revision=1, default=True)
    def score(self, run: Run, model: Model, rows: Artifact, output: Artifact) -> Losses:
        return Losses(output)

    @stage(revision=1, default=True)
    def serve(self, run: Run, models: Sequence[Served]) -> Endpoint:
        raise NotImplementedError


@dataclass
class Folders(Backend):
    """A backend that can be looked at, and starts nothing."""

    home: Home
    name = "local"
    servers_are_public = False

    def runs(self) -> list[str]:
        return sorted(item.name for item in self.home.runs.iterdir()) if self.home.runs.is_dir() else []

    def list(self, run_id: str, path: str) -> Sequence[str]:
        return []

    def open(self, run_id: str, path: str) -> BinaryIO:
        return (self.home.runs / run_id / path).open("rb")

    def servers(self) -> Sequence[Server]:
        return []

    def describe(self, run_id: str, path: str) -> str:
        return str(self.home.runs / run_id / path)


class Place:
    """A plugin that brings the backend `local`."""

    @hookimpl
    def backend(self, name: str, home: Home) -> Any:
        return Folders(home) if name == Folders.name else None


@dataclass
class Entry:
    """An entry point whose plugin is an object of the test, or an error that its import raises."""

    name: str
    plugin: Any
    value: str = "a_module"
    dist: Any = None

    def load(self) -> Any:
        if isinstance(self.plugin, Exception):
            raise self.plugin
        return self.plugin


Install = Callable[..., None]
Called = Callable[..., tuple[int, str, str]]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Takes plugins by name, which are then the only installed ones; an exception is raised in place of the import."""

    def replace(**plugins: Any) -> None:
        entries = [Entry(name, plugin) for name, plugin in sorted(plugins.items())]
        monkeypatch.setattr(loading, "entry_points", lambda group: entries)

    return replace


@pytest.fixture
def engine() -> Engine:
    """A plugin that provides every stage."""
    return Engine()


@pytest.fixture
def place() -> Place:
    """A plugin that brings the backend."""
    return Place()


@pytest.fixture
def manager(engine: Engine) -> Manager:
    """A manager with that plugin alone, by the name `stub`."""
    found = Manager()
    found.register(engine, "stub")
    return found


@pytest.fixture
def call(
    install: Install,
    engine: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Called:
    """Calls ftk's command line in an empty folder: takes the arguments, gives exit code, output and error output."""
    from ftk.cli import main

    install(stub=engine, place=Place())
    monkeypatch.chdir(tmp_path)
    for name in ("FTK_RUNS_DIR", "FTK_BACKEND", "FTK_ENGINE", "FTK_DISABLE_PLUGINS"):
        monkeypatch.delenv(name, raising=False)

    def typed(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["ftk", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        output = capsys.readouterr()
        return int(end.value.code or 0), output.out, output.err

    return typed
