"""Find plugins by their entry points and in single files, and judge them before they are registered."""

import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

from ftk.errors import PluginError, Problem
from ftk.hooks import hookspecs
from ftk.hooks.shape import find_lack
from ftk.hooks.stages import StageDeclaration

GROUP = "ftk"
"""The entry-point group in which plugins are found."""

DISABLE_VARIABLE = "FTK_DISABLE_PLUGINS"
"""Names of plugins that must not even be imported, separated by commas."""

VERSION_NAME = "FTK_HOOKS"
"""A plugin's module may state under this name for which `hookspecs.VERSION` it was written."""


@dataclass(frozen=True)
class FoundPlugin:
    """An installed plugin, known from its package's metadata alone.

    :param name: of its entry point.
    :param package: the distribution that brings it.
    :param version: of that distribution.
    :param module: what would be imported.
    """

    name: str
    package: str
    version: str
    module: str


@dataclass(frozen=True)
class PluginFile:
    """A plugin that is one Python file.

    :param name: by which the plugin goes: the file's, without `.py`.
    :param source: the file's content.
    :param path: where it lies, for messages.
    """

    name: str
    source: str
    path: str

    def load(self) -> ModuleType:
        """Run the file as a module of its own."""
        module = ModuleType(f"ftk_plugin_file_{self.name}")
        module.__file__ = self.path
        sys.modules[module.__name__] = module  # dataclasses look their module up there
        exec(compile(self.source, self.path, "exec"), vars(module))
        return module


def find_entries() -> list[EntryPoint]:
    """The entry points of all installed plugins, by name."""
    return sorted(entry_points(group=GROUP), key=lambda entry: entry.name)


def find_plugins() -> list[FoundPlugin]:
    """All installed plugins by name, none of them imported."""
    return [
        FoundPlugin(
            entry.name, entry.dist.name if entry.dist else "?", entry.dist.version if entry.dist else "?", entry.value
        )
        for entry in find_entries()
    ]


def disabled_here() -> list[str]:
    """The names that the environment blocks."""
    return [name.strip() for name in os.environ.get(DISABLE_VARIABLE, "").split(",") if name.strip()]


def unknown_disabled(names: Iterable[str], place: str) -> Iterator[Problem]:
    """The names of plugins to leave out that are none, which would so leave out nothing.

    :param place: where they stand.
    """
    known = [entry.name for entry in find_entries()]
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else "`ftk plugins` lists them"
            yield Problem(place, f"there is no plugin {name!r} to disable", remedy)


def refuse_misfit(plugin: object, name: str) -> None:
    """Stop at a plugin that was not written for these hooks.

    :raises PluginError: when it was written for a later version, or a hook of it is unknown, wants other
        arguments or is not marked as it should.
    """
    written_for = getattr(plugin, VERSION_NAME, hookspecs.VERSION)
    if written_for > hookspecs.VERSION:
        raise PluginError(
            f"plugin {name!r} is written for version {written_for} of ftk's hooks, and this ftk has version"
            f" {hookspecs.VERSION}",
            "upgrade ftk, or install an older version of the plugin",
        )
    for hook, function in marked(plugin).items():
        if not hasattr(getattr(hookspecs, hook, None), "ftk_spec"):
            raise PluginError(f"plugin {name!r} implements {hook!r}, which is no hook of ftk", _nearest(hook))
        known = _arguments(getattr(hookspecs, hook))
        strange = [argument for argument in _arguments(function) if argument not in known]
        if strange:
            message = f"plugin {name!r}: its {hook} wants {', '.join(strange)}, which that hook is not given"
            raise PluginError(message, f"the hook is {hook}({', '.join(known)})")
        declaration = getattr(function, "__ftk_stage__", None)
        if declaration and (lack := find_lack(declaration, StageDeclaration)):
            raise PluginError(f"plugin {name!r}: its {hook} is marked with {lack}", "mend the plugin")


def marked(plugin: object) -> dict[str, Callable[..., Any]]:
    """The functions of a plugin that are meant as implementations of hooks, by the hook's name."""
    members = vars(plugin) if isinstance(plugin, ModuleType) else dict(inspect.getmembers(plugin))
    functions: dict[str, Callable[..., Any]] = {name: item for name, item in members.items() if inspect.isroutine(item)}
    return {name: function for name, function in functions.items() if hasattr(function, "ftk_impl")}


def _arguments(function: Callable[..., Any]) -> list[str]:
    """The names of the arguments that a hook must be given."""
    parameters = inspect.signature(function).parameters.values()
    return [item.name for item in parameters if item.kind is item.POSITIONAL_OR_KEYWORD and item.default is item.empty]


def _nearest(hook: str) -> str:
    names = [name for name, item in vars(hookspecs).items() if hasattr(item, "ftk_spec")]
    near = get_close_matches(hook, names, n=1)
    return f"did its author mean {near[0]!r}?" if near else "CONTRIBUTING.md lists the hooks"


def reason(error: BaseException) -> str:
    """What is wrong, in one line."""
    text = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())
