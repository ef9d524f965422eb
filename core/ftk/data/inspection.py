"""The tokenised data of a run, or of a config without one, from outside a driver."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ftk import files
from ftk.artifacts import StagedData
from ftk.backend import HERE
from ftk.config.resolved import Config
from ftk.errors import UsageError
from ftk.home import Home
from ftk.hooks.manager import Manager
from ftk.runs.cache import Cache
from ftk.runs.kept_model import FILE, TOKENIZER_FOLDER
from ftk.runs.record import RunRecord
from ftk.runs.run import Run


@dataclass(frozen=True)
class Staged:
    """What a stage_data has made.

    :param data: its result.
    :param config: the config that it was made with.
    :param tokenizer: the folder of the tokenizer.
    :param open: opens a file of `data.folder` by name.
    """

    data: StagedData
    config: Config
    tokenizer: Path
    open: Callable[[str], BinaryIO]


@contextmanager
def staged_by_config(home: Home, manager: Manager, config: Config) -> Iterator[Staged]:
    """The data of a config, which are staged into the cache where they are not there yet.

    :param config: from `prepare_config`.
    """
    with _visit(home, manager, config) as run:
        data = manager.stage_data(config.provider("stage_data"), run)
        yield Staged(data, config, run.path(run.tokenizer()), lambda name: run.path(data.folder / name).open("rb"))


@contextmanager
def staged_by_run(home: Home, manager: Manager, record: RunRecord) -> Iterator[Staged]:
    """The data that a run was trained with, wherever it lives.

    :param manager: has the plugin files of the run too.
    :raises UsageError: when it has none yet.
    """
    manifest = record.manifests().get("stage_data")
    if manifest is None or manifest["result"] is None:
        raise UsageError(f"{record.id} has no tokenised data yet", f"`ftk show {record.id}` tells how far it came")
    data = StagedData.from_json(manifest["result"])
    with _visit(home, manager, record.config()) as run:
        _bring_tokenizer(record, run.folder)
        tokenizer = run.path(run.tokenizer())
        folder = data.folder.path
        yield Staged(data, run.config, tokenizer, lambda name: record.backend.open(record.id, f"{folder}/{name}"))


def _bring_tokenizer(record: RunRecord, folder: Path) -> None:
    """Copy the tokenizer that a run keeps, if it does, into the folder of another."""
    names = [f"{TOKENIZER_FOLDER}/{name}" for name in record.backend.list(record.id, TOKENIZER_FOLDER)]
    for name in (*names, FILE) if names else ():
        with record.backend.open(record.id, name) as stream:
            files.write_stream(folder / name, stream)


@contextmanager
def _visit(home: Home, manager: Manager, config: Config) -> Iterator[Run]:
    """A run that nobody lists and of which nothing is left, but for what it puts into the cache."""
    with tempfile.TemporaryDirectory(prefix="ftk-inspect-") as temporary:
        backend = manager.backend(HERE, Home(Path(temporary), home.cache))
        folder = files.make_folder(Path(temporary) / "inspect")
        run = Run(folder, Cache(home.cache), config, manager, backend)
        run.at_stage("inspect")
        yield run
