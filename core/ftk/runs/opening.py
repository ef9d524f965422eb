"""Open a run where it lives, as the driver and visits do, and change its config."""

from collections.abc import Sequence
from pathlib import Path

from ftk.config.marked_yaml import read_yaml
from ftk.config.older import forgotten, joined, renewed, without
from ftk.config.overrides import Override
from ftk.config.resolve import resolve
from ftk.config.resolved import RESOLVED_FILE, Config, load_resolved
from ftk.home import Home
from ftk.hooks.manager import Manager
from ftk.hooks.trust import read_plugin_file
from ftk.runs.cache import Cache
from ftk.runs.events import FOLDER
from ftk.runs.record import RunRecord
from ftk.runs.run import Run


def open_run(folder: Path, cache: Path, events_folder: str = FOLDER) -> tuple[Run, Manager]:
    """A run, with the plugins that its config chose.

    :param folder: the run's folder.
    :param cache: the cache's folder.
    :param events_folder: where in the run's folder this process and its commands report.
    """
    resolved = folder / RESOLVED_FILE
    config = load_resolved(resolved.read_bytes(), str(resolved))
    plugins = [read_plugin_file(folder / item) for item in config.ftk["plugins"]]
    manager = Manager.load(config.ftk["disable_plugins"], plugins)
    backend = manager.backend(config.ftk["backend"], Home(folder.parent, cache))
    run = Run(folder, Cache(cache), renewed(config, manager), manager, backend, events_folder)
    manager.tell = run.notice
    return run, manager


def changed(config: Config, changes: Sequence[Override], manager: Manager, name: str = RESOLVED_FILE) -> Config:
    """The config of a run with changes, and with the defaults of keys that it is too old to have.

    What nobody here knows stays as it is: who knows it may come again.

    :param name: what to call its file in messages.
    """
    now = renewed(config, manager)
    unknown = forgotten(now, manager)
    found = resolve(read_yaml(Config(without(now.values, unknown)).dump(), name), changes, manager)
    return Config(joined(found.values, unknown), found.place)


def changed_record(record: RunRecord, changes: Sequence[Override], manager: Manager) -> Config:
    """The same of a run that is seen from outside.

    :param manager: has the plugin files of the run too.
    """
    return changed(record.config(), changes, manager, f"{record.id}/{RESOLVED_FILE}")
