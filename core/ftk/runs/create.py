"""Make a new run from a config: checked, its data copied, and then there as a whole."""

import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ftk import files, refusals
from ftk.backend import Backend
from ftk.command import INHERIT
from ftk.config.inlining import inlined
from ftk.config.overrides import Override
from ftk.config.resolve import read_config, resolve
from ftk.config.resolved import RESOLVED_FILE, Config
from ftk.data.locating import data_problems, located_data, located_models, put_adapter, put_data
from ftk.environments.choosing import choose
from ftk.errors import Notice, Problem, ProblemsFound, UsageError
from ftk.hooks.manager import NO_PROVIDER, Manager
from ftk.hooks.stages import RUN_STAGES
from ftk.loggers.choosing import find_loggers, refuse_missing
from ftk.runs.names import new_id

CONFIG_FILE = "config.yml"
PLUGINS_FOLDER = "plugins"

DRAFT = "ftk-draft-"
"""How the name of a run's draft begins, in the folder for temporary files."""

DAY = 86400
"""Seconds."""


def prepare_config(path: Path, data: Path | None, overrides: Sequence[Override], manager: Manager) -> Config:
    """The resolved config of a new run, with the paths of its data and model made absolute.

    :param path: the config file.
    :param data: takes the place of the config's only data set, where given.
    :param overrides: in rising order.
    :raises ProblemsFound: with everything that is wrong, also what plugins know to be wrong.
    """
    given = [*overrides, *([_data_override(data)] if data else [])]
    config = resolve(read_config(path), given, manager)
    config = _with(config, **_only_data(config, data)) if data else config
    config = _with(config, **located_data(config, path.parent), **located_models(config, path.parent))
    config = _with(config, **inlined(config, path.parent, manager))
    found = [*data_problems(config), *manager.check(config)]
    if problems := [item for item in found if not isinstance(item, Notice)]:
        raise ProblemsFound(problems)
    for notice in found:
        manager.tell(str(notice))
    return config


def _with(config: Config, **keys: Any) -> Config:
    return Config({**config.values, **keys}, config.place)


def refuse_backend(config: Config, backend: Backend, manager: Manager) -> None:
    """Stop where the backend cannot run the commands of the chosen stages, or the chosen loggers.

    :raises UsageError: naming the stage or logger, and the remedy.
    """
    answering = ("generate",) if config.ftk["evaluate"]["rows"] else ()
    refuse_stages((*RUN_STAGES, *answering), config, backend, manager)
    refuse_missing(find_loggers(config.ftk["loggers"], manager), backend)


def refuse_stages(stages: Sequence[str], config: Config, backend: Backend, manager: Manager) -> None:
    """Stop where the backend cannot run the commands of these stages.

    :raises UsageError: naming the stage and the remedy.
    """
    for stage in stages:
        provider = config.provider(stage)
        name = None if provider == NO_PROVIDER else manager.declaration(stage, provider).environment
        environment = choose(name, config, manager, backend) if name else None
        problem = backend.find_problem(environment) if environment else None
        if environment and problem:
            told = f"{stage} by {provider}: {problem}"
            if environment.python is None:
                raise UsageError(told, environment.remedy)
            inherits = environment.python == INHERIT
            remedy = environment.remedy if inherits else "name an interpreter that works and has it"
            raise ProblemsFound([Problem(config.place(("ftk", "environments", environment.name)), told, remedy)])


def create_run(config: Config, path: Path, backend: Backend, name: str | None = None) -> str:
    """Write the run's folder and hand it to the backend.

    :param config: from `prepare_config`.
    :param path: the config file, which the run keeps a copy of.
    :param name: what the person calls the run.
    :returns: the id of the run.
    """
    run_id = new_id(name)
    try:
        _sweep_drafts()
        with tempfile.TemporaryDirectory(prefix=DRAFT) as temporary:
            draft = files.make_folder(Path(temporary) / run_id)
            _write_draft(config, path, draft)
            backend.create(run_id, draft)
    except OSError as error:
        raise UsageError(
            f"the run cannot be written to {backend.describe('', '')}: {refusals.told(error)}",
            refusals.remedy_for(error, "name another folder: --runs-dir or FTK_RUNS_DIR"),
        ) from None
    return run_id


def _sweep_drafts() -> None:
    """Remove what calls left that were killed long ago; a younger draft may be somebody's who works."""
    for draft in Path(tempfile.gettempdir()).glob(f"{DRAFT}*"):
        with suppress(OSError):
            if time.time() - draft.stat().st_mtime > DAY:
                files.remove(draft)


def _write_draft(config: Config, path: Path, draft: Path) -> None:
    files.copy_file(path, draft / CONFIG_FILE)
    block = {**config.ftk, "plugins": [_copied_plugin(Path(item), draft) for item in config.ftk["plugins"]]}
    put = {**put_data(config, draft), **put_adapter(config, draft)}
    files.write_text(draft / RESOLVED_FILE, _with(config, **put, ftk=block).dump())


def _data_override(data: Path) -> Override:
    # Absolute, since a path on the command line is meant from here, not from the config's folder.
    return Override(("datasets", 0, "path"), str(data.absolute()), f"--data {data}")


def _only_data(config: Config, data: Path) -> dict[str, Any]:
    """The config's data set without the keys that told of the files which `data` takes the place of."""
    datasets = config["datasets"]
    if len(datasets) > 1:
        raise UsageError(f"--data {data}: the config has {len(datasets)} data sets", "set their paths in the config")
    gone = ("ds_type", "data_files", "split", "name", "revision")
    return {"datasets": [{key: value for key, value in datasets[0].items() if key not in gone}]}


def _copied_plugin(source: Path, draft: Path) -> str:
    """A plugin in a single file, kept in the run, which so stays what it is wherever it goes."""
    files.copy_file(source, draft / PLUGINS_FOLDER / source.name)
    return f"{PLUGINS_FOLDER}/{source.name}"
