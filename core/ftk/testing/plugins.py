"""Check a plugin: its import and hooks, and whatever it brings by the rules of its kind."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from ftk.errors import FtkError, UsageError
from ftk.hooks.loading import PluginFile, find_entries
from ftk.hooks.manager import Manager
from ftk.hooks.trust import read_plugin_file
from ftk.testing.backends import backend_findings
from ftk.testing.calls import Ftk
from ftk.testing.checks import Finding, findings
from ftk.testing.engines import engine_findings, make_ftk
from ftk.testing.formats import FORMAT_CHECKS
from ftk.testing.loggers import LOGGER_CHECKS

LOADS = "It can be imported, and its hooks have the names and arguments of ftk's"


def problems_of(name: str) -> list[str]:
    """What is wrong with an installed plugin, for a test: `assert problems_of("my_plugin") == []`."""
    return [f"{finding.what}: {finding.problem}" for finding in check_plugin(name) if finding.problem]


def check_plugin(name: str) -> Iterator[Finding]:
    """Look at everything that a plugin brings.

    :param name: of an installed plugin, or the path of one in a single file.
    :raises UsageError: when there is none of this name.
    """
    file = read_plugin_file(Path(name).absolute()) if name.endswith(".py") else None
    try:
        manager = _alone(name, file)
    except UsageError:
        raise
    except Exception as error:  # a plugin under test may raise anything
        yield Finding(LOADS, str(error) if isinstance(error, FtkError) else f"{type(error).__name__}: {error}")
        return
    formats, loggers = manager.dataset_formats(), manager.loggers()
    yield Finding(LOADS, "; ".join([*manager.outdated, *manager.broken.values()]) or None)
    (plugin,) = manager.names()
    for form in formats.values():
        yield from findings(FORMAT_CHECKS, form, f"format {form.name}: ")
    for logger in loggers.values():
        yield from findings(LOGGER_CHECKS, logger, f"logger {logger.name}: ")
    hooks = manager.hooks_of(plugin)
    if "train" in hooks:
        declared = manager.declarations("train").get(plugin)
        keys = declared.keys if declared else {}
        yield from _with_runs(lambda ftk: engine_findings(plugin, hooks, keys, ftk))
    if "backend" in hooks:
        yield from _with_runs(lambda ftk: backend_findings(plugin, ftk))


def _with_runs(look: Callable[[Ftk], Iterator[Finding]]) -> Iterator[Finding]:
    """Look at a plugin through runs in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ftk-check-") as folder:
        ftk = make_ftk(Path(folder), dict(os.environ))
        try:
            yield from look(ftk)
        finally:
            ftk.kill_all()


def _alone(name: str, file: PluginFile | None) -> Manager:
    """A manager with this plugin only, so that all that is found is its."""
    manager = Manager()
    if file:
        manager.add_file(file)
        return manager
    entry = next((entry for entry in find_entries() if entry.name == name), None)
    if entry is None:
        raise UsageError(
            f"no plugin {name!r} is installed", "`ftk plugins` lists them; a single file is named by its path"
        )
    manager.register(entry.load(), name)
    return manager
