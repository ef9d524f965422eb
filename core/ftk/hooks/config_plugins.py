"""Load the plugins with which a config is understood: the installed ones, and those in files that it names."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ftk.config.overrides import Override, placer
from ftk.config.resolve import named_plugins, read_config
from ftk.data.locating import locate
from ftk.errors import Problem, ProblemsFound, UsageError
from ftk.hooks.loading import PluginFile
from ftk.hooks.manager import Manager
from ftk.hooks.trust import read_plugin_file

Agree = Callable[[Sequence[PluginFile]], None]
"""Raises an error where the person does not want the code of these files to run; see `ftk.hooks.trust`."""


def load_plugins(
    path: Path, overrides: Sequence[Override], added: Sequence[PluginFile], agree: Agree
) -> tuple[Manager, list[Override]]:
    """All plugins for a config, and the overrides with the absolute paths of those in files.

    :param path: the config file.
    :param overrides: in rising order.
    :param added: plugins from the command line.
    :param agree: asked about the files that the config itself names.
    """
    raw = read_config(path)
    named, disabled = named_plugins(raw, overrides)
    found = []
    for number, item in enumerate(named):
        try:
            found.append(read_plugin_file(locate(item, path.parent)))
        except UsageError as error:
            place = placer(raw, overrides)(("ftk", "plugins", number))
            raise ProblemsFound([Problem(place, error.message, error.remedy)]) from None
    agree(found)
    found += added
    manager = Manager.load(disabled, found)
    if not found:
        return manager, [*overrides]
    return manager, [*overrides, Override(("ftk", "plugins"), [item.path for item in found], "--plugin")]
