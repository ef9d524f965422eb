"""A run as its hooks see it, in the driver: config, files, cache, and the execution of commands."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ftk import files
from ftk.accelerator import Accelerator
from ftk.advice import find_advice
from ftk.artifacts import Artifact, FetchedModel
from ftk.command import Command, Environment
from ftk.config.resolved import Config
from ftk.data.locating import ADAPTER
from ftk.data.sources import data_sets
from ftk.environments.choosing import choose, identity
from ftk.errors import FtkError, UsageError
from ftk.reporter import Reporter
from ftk.runs.base_model import BaseModel
from ftk.runs.cache import Cache
from ftk.runs.events import FOLDER as EVENTS_FOLDER

if TYPE_CHECKING:
    from ftk.backend import Backend
    from ftk.data.formats import DatasetFormat
    from ftk.hooks.manager import Manager

LOG_FILE = "logs.txt"

SHIPPED = ("__init__.py", "reporter.py")
"""The part of ftk that works in any interpreter."""

TAIL = 20_000
"""Bytes at the end of a command's output in which known failures are looked for."""


class Run:
    """A run in the driver, where its folder and the cache are folders of this machine.

    :param folder: the run's folder; its name is the run's id.
    :param cache: models and prepared data.
    :param config: the resolved config.
    :param manager: the plugins.
    :param backend: executes commands.
    :param events_folder: where in the run's folder the driver and its commands report.

    Its `prepared_folder` is where it keeps its copy of the tokenised data; its `base_model` is what it has of that.
    """

    def __init__(
        self,
        folder: Path,
        cache: Cache,
        config: Config,
        manager: "Manager",
        backend: "Backend",
        events_folder: str = EVENTS_FOLDER,
    ) -> None:
        self.folder = folder
        self.cache = cache
        self.config = config
        self.events = Reporter(files.make_folder(folder / events_folder) / "driver.jsonl")
        self._events_folder = events_folder
        self._manager = manager
        self._backend = backend
        self.base_model = BaseModel(self, manager)
        self.prepared_folder = Artifact("run", "last_run_prepared")
        self._stage = "driver"

    @property
    def id(self) -> str:
        """The run's name."""
        return self.folder.name

    @property
    def training_folder(self) -> Artifact:
        """Where training writes: checkpoints, and at the end the adapter or model."""
        return Artifact("run", PurePosixPath(self.config["output_dir"]).as_posix())

    @property
    def merged_folder(self) -> Artifact:
        """Where the merged model appears."""
        return self.training_folder / "merged"

    @property
    def root(self) -> Artifact:
        """The run's folder itself, as an argument of a command."""
        return Artifact("run", "")

    def path(self, artifact: Artifact) -> Path:
        """Where an artifact lies on the driver's machine."""
        roots = {"run": self.folder, "runs": self.folder.parent, "cache": self.cache.root}
        return roots[artifact.root] / artifact.path

    def data_files(self) -> list[Path]:
        """The files and folders of the config's data sets in the run, in their order."""
        return [self.folder / item.path for item in data_sets(self.config) if item.is_local(self.folder)]

    def given_adapter(self) -> Path | None:
        """The folder with the adapter to go on from; None where the run has none of its own."""
        return self.folder / ADAPTER if self.config.get(ADAPTER) == ADAPTER else None

    def dataset_formats(self) -> "dict[str, DatasetFormat]":
        """Every plugin's dataset formats by name."""
        return self._manager.dataset_formats()

    def cached(self, kind: str, inputs: Mapping[str, Any], build: Callable[[Artifact], None]) -> Artifact:
        """The cache's entry for these inputs; see `Cache.entry`."""
        return self.cache.entry(kind, inputs, build)

    def tokenizer(self) -> Artifact:
        """The folder of the tokenizer as the config changes it; see `BaseModel.tokenizer`."""
        return self.base_model.tokenizer()

    def fetch_model(self, tokenizer_only: bool = False) -> FetchedModel:
        """What the config's `base_model` names; see `BaseModel.fetch`."""
        return self.base_model.fetch(tokenizer_only)

    def accelerator(self) -> Accelerator:
        """What the commands of the run compute with."""
        return self._backend.accelerator(self.config.ftk)

    def ship(self, *paths: Path) -> Artifact:
        """Bring files into the run, for the `PYTHONPATH` of a command in an interpreter that has no ftk.

        :param paths: the plugin's own files, which import nothing there but the standard library, the engine and
            `ftk.reporter`.
        :returns: a folder with these files and ftk's reporter.
        """
        own = Path(files.__file__).parent
        shipped = {**{f"ftk/{name}": own / name for name in SHIPPED}, **{path.name: path for path in paths}}
        folder = Artifact("run", "shipped")
        with files.locked(self.cache.root / "locks" / f"{self.id}-shipped.lock"):  # visits come at any time
            for name, path in shipped.items():
                target = self.path(folder / name)
                # What is the same stays: a command may be reading it.
                if not target.exists() or target.read_bytes() != path.read_bytes():
                    files.copy_file(path, target)
        return folder

    def notice(self, message: str) -> None:
        """Tell the person something; it is shown at once and kept in the run."""
        self.events.notice(message)

    def at_stage(self, stage: str) -> None:
        """Name the stage for which commands are executed from now on."""
        self._stage = stage

    def identity_of(self, environment: str | None) -> str | None:
        """What commands of an environment run in, for the record; None for no environment."""
        return identity(choose(environment, self.config, self._manager, self._backend)) if environment else None

    def make_ready(self, name: str) -> Environment:
        """An environment of commands, which is built where it is missing.

        :raises UsageError: when commands cannot run in it.
        """
        environment = choose(name, self.config, self._manager, self._backend)
        if problem := self._backend.find_problem(environment):
            raise UsageError(problem, environment.remedy)
        self._backend.realise(environment, self.events.emit)
        return environment

    def execute(self, command: Command) -> None:
        """Run a command in its environment and wait for it.

        :raises FtkError: when it ends with an error; a known failure carries its remedy.
        :raises Cancelled: when the person asked the run to stop.
        """
        environment = self.make_ready(command.environment)
        number = 1 + sum(1 for _ in (self.folder / self._events_folder).glob(f"{self._stage}-*.jsonl"))
        events = f"{self._events_folder}/{self._stage}-{number}.jsonl"
        self.events.emit("command_started", stage=self._stage, argv=[str(part) for part in command.argv])
        start = self._log_size()
        began = time.monotonic()
        code = self._backend.execute(self.id, command, environment, events)
        self.events.emit("command_finished", stage=self._stage, code=code, seconds=time.monotonic() - began)
        if code:
            raise self._failure(command, code, start)

    def _log_size(self) -> int:
        log = self.folder / LOG_FILE
        return log.stat().st_size if log.exists() else 0

    def _failure(self, command: Command, code: int, start: int) -> FtkError:
        output = self._output_since(start)
        advice = find_advice(output, code, self._manager.advice(command.environment))
        last = next((line for line in reversed(output.splitlines()) if line.strip()), "it printed nothing")
        name = " ".join(str(part) for part in command.argv[1:3])
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        meaning = advice.meaning if advice else last.strip()
        remedy = advice.remedy_for(self.id) if advice else f"`ftk logs {self.id}` shows all of its output"
        return FtkError(f"the command `{name}` {how}: {meaning}", remedy)

    def _output_since(self, start: int) -> str:
        log = self.folder / LOG_FILE
        with log.open("rb") as stream:
            stream.seek(max(start, self._log_size() - TAIL))
            return stream.read().decode(errors="replace")
