"""Make a new run from a config: checked, its data copied, and then there as a whole."""

import secrets
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ftk import files
from ftk.backend import Backend
from ftk.config import Config, Override, read_config, resolve
from ftk.errors import Problem, ProblemsFound, UsageError
from ftk.manager import NO_PROVIDER, Manager
from ftk.stages import RUN_STAGES

CONFIG_FILE = "config.yml"
RESOLVED_FILE = "resolved.yml"
PLUGINS_FOLDER = "plugins"


def prepare_config(path: Path, data: Path | None, overrides: Sequence[Override], manager: Manager) -> Config:
    """The resolved config of a new run, with the paths of its data and model made absolute.

    :param path: the config file.
    :param data: takes the place of the config's only data set, where given.
    :param overrides: in rising order.
    :raises ProblemsFound: with everything that is wrong, also what plugins know to be wrong.
    """
    given = [*overrides, *([_data_override(data)] if data else [])]
    config = resolve(read_config(path), given, manager)
    datasets = config["datasets"]
    if data and len(datasets) > 1:
        raise UsageError(f"--data {data}: the config has {len(datasets)} data sets", "set their paths in the config")
    values = {**config.values, "datasets": [_located(item, path.parent) for item in datasets]}
    config = Config({**values, "base_model": _located_model(config["base_model"], path.parent)}, config.place)
    problems = [*_missing_data(config), *manager.check(config)]
    if problems:
        raise ProblemsFound(problems)
    return config


def refuse_backend(config: Config, backend: Backend, manager: Manager) -> None:
    """Stop where the backend cannot run the commands of the chosen stages.

    :raises UsageError: naming the stage and the remedy.
    """
    for stage in RUN_STAGES:
        provider = config.provider(stage)
        name = None if provider == NO_PROVIDER else manager.declaration(stage, provider).environment
        environment = manager.environment(name) if name else None
        problem = backend.find_problem(environment) if environment else None
        if environment and problem:
            raise UsageError(f"{stage} by {provider}: {problem}", environment.remedy)


def create_run(config: Config, path: Path, backend: Backend) -> str:
    """Write the run's folder and hand it to the backend.

    :param config: from `prepare_config`.
    :param path: the config file, which the run keeps a copy of.
    :returns: the id of the run.
    """
    run_id = _new_id()
    try:
        with tempfile.TemporaryDirectory(prefix="ftk-") as temporary:
            draft = files.make_folder(Path(temporary) / run_id)
            _write_draft(config, path, draft)
            backend.create(run_id, draft)
    except (OSError, shutil.Error) as error:
        raise UsageError(
            f"the run cannot be written to {backend.describe('', '')}: {error}",
            "free some space there and in TMPDIR, or name another folder: --runs-dir or FTK_RUNS_DIR",
        ) from None
    return run_id


def _write_draft(config: Config, path: Path, draft: Path) -> None:
    files.copy_file(path, draft / CONFIG_FILE)
    datasets = [_copied(item, number, draft) for number, item in enumerate(config["datasets"], 1)]
    block = {**config.ftk, "plugins": [_copied_plugin(Path(item), draft) for item in config.ftk["plugins"]]}
    files.write_text(draft / RESOLVED_FILE, Config({**config.values, "datasets": datasets, "ftk": block}).dump())


def _new_id() -> str:
    """A name that sorts by time, such as `ftk-2026-11-24-19-13-05-0fb0`."""
    return time.strftime("ftk-%Y-%m-%d-%H-%M-%S-", time.gmtime()) + secrets.token_hex(2)


def _data_override(data: Path) -> Override:
    # Absolute, since a path on the command line is meant from here, not from the config's folder.
    return Override(("datasets", 0, "path"), str(data.absolute()), f"--data {data}")


def _located(dataset: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The data set with its path made absolute: from here, or else beside the config."""
    return {**dataset, "path": str(locate(dataset["path"], folder))}


def locate(path: str, folder: Path) -> Path:
    """A path of a config made absolute: from the current folder, or else from the config's."""
    here, beside = Path(path).expanduser().absolute(), (folder / path).absolute()
    return beside if not here.exists() and beside.exists() else here


def _located_model(ref: str, folder: Path) -> str:
    found = locate(ref, folder)
    return str(found) if found.exists() else ref


def _missing_data(config: Config) -> list[Problem]:
    return [
        Problem(
            config.place(("datasets", number, "path")),
            f"there is no data file {item['path']}",
            "give its path from here or from the config's folder, or `--data FILE`",
        )
        for number, item in enumerate(config["datasets"])
        if not Path(item["path"]).is_file()
    ]


def _copied(dataset: dict[str, Any], number: int, draft: Path) -> dict[str, Any]:
    """The data set with its file copied into the run: `data.jsonl`, `data-2.jsonl`, ..."""
    source = Path(dataset["path"])
    name = f"data{'' if number == 1 else f'-{number}'}{source.suffix}"
    files.copy_file(source, draft / name)
    return {**dataset, "path": name}


def _copied_plugin(source: Path, draft: Path) -> str:
    """A plugin in a single file, kept in the run, which so stays what it is wherever it goes."""
    files.copy_file(source, draft / PLUGINS_FOLDER / source.name)
    return f"{PLUGINS_FOLDER}/{source.name}"
