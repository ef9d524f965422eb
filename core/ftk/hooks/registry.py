"""The plugins of a process and the calls of their hooks, each of which has the name of a plugin: all use of pluggy."""

import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

import pluggy

from ftk.errors import FtkError, PluginError, UsageError
from ftk.hooks import hookspecs
from ftk.hooks.loading import DISABLE_VARIABLE, PluginFile, find_entries, reason, refuse_misfit
from ftk.hooks.overdue import told_when_overdue
from ftk.hooks.shape import find_lack
from ftk.hooks.stages import StageDeclaration

T = TypeVar("T")


def _tell(message: str) -> None:
    print(f"warning: {message}", file=sys.stderr)


class Registry:
    """Plugins by name, called one at a time.

    `broken` holds those that could not be loaded, and those whose hook failed where every plugin is asked, each with
    the reason. `outdated` holds what plugins use that will be gone from the hooks one day. `tell` warns the person.
    """

    def __init__(self) -> None:
        self._plugins = pluggy.PluginManager("ftk")
        self._plugins.add_hookspecs(hookspecs)
        self.broken: dict[str, str] = {}
        self.outdated: list[str] = []
        self.tell = _tell

    def add_file(self, file: PluginFile) -> None:
        """Add a plugin that is one file.

        :raises PluginError: when it is no plugin.
        """
        try:
            module = file.load()
        except Exception as error:  # whatever a stranger's module raises is told by the file's name
            raise PluginError(f"the plugin {file.path} cannot be loaded: {reason(error)}", "mend the file") from error
        self.register(module, file.name)

    def register(self, plugin: object, name: str) -> None:
        """Add a plugin.

        :raises PluginError: when a name is taken, or a hook is unknown or has other arguments than its spec.
        """
        if self._plugins.has_plugin(name):
            raise PluginError(f"plugin {name!r} is there twice", "uninstall one, or rename its entry point")
        refuse_misfit(plugin, name)
        try:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always", DeprecationWarning)
                self._plugins.register(plugin, name)
        except pluggy.PluginValidationError as error:
            # Older versions of pluggy keep what they refuse.
            if self._plugins.has_plugin(name):
                self._plugins.unregister(name=name)
            raise PluginError(f"plugin {name!r}: {' '.join(str(error).split())}", "mend the plugin") from None
        self.outdated += [f"plugin {name!r}: {warning.message}" for warning in told]

    def troubles(self) -> Iterator[str]:
        """A line for each broken plugin: why it is left out, and what to do."""
        installed = {entry.name for entry in find_entries()}
        for name, why in self.broken.items():
            # What stands in a file or belongs to a plugin of another name is not disabled by its own.
            without = f", or do without: `ftk.disable_plugins: [{name}]`, or {DISABLE_VARIABLE}={name}"
            yield f"plugin {name!r} is left out: {why}; mend it{without if name in installed else ''}"

    def names(self) -> list[str]:
        """The names of the plugins that work."""
        return [name for name, _ in self._plugins.list_name_plugin()]

    def hooks_of(self, name: str) -> list[str]:
        """The hooks that a plugin implements, sorted."""
        callers = self._plugins.get_hookcallers(self._plugins.get_plugin(name)) or ()
        return sorted(caller.name for caller in callers)

    def declarations(self, stage: str) -> dict[str, StageDeclaration]:
        """What each provider of a stage declares of it, by name."""
        found = {}
        for implementation in getattr(self._plugins.hook, stage).get_hookimpls():
            declaration = getattr(implementation.function, "__ftk_stage__", None)
            if declaration is not None:
                found[implementation.plugin_name] = declaration
        return dict(sorted(found.items()))

    def call(self, hook: str, plugin: str, arguments: Mapping[str, Any]) -> Any:
        """Call one plugin's implementation; wrappers of all the others stay around it."""
        caller = getattr(self._plugins.hook, hook)
        others = [
            implementation.plugin
            for implementation in caller.get_hookimpls()
            if implementation.plugin_name != plugin and not (implementation.wrapper or implementation.hookwrapper)
        ]
        return self._plugins.subset_hook_caller(hook, others)(**arguments)

    def call_chosen(self, hook: str, provider: str, result_type: type[T], **arguments: Any) -> T:
        """Call the implementation of the plugin that was chosen.

        :raises UsageError: when it is not there, such as where a run came from another machine.
        """
        if provider not in self.names():
            why = f": it is broken: {self.broken[provider]}" if provider in self.broken else ""
            raise UsageError(f"no plugin {provider!r} provides {hook}{why}", "install it; `ftk plugins` lists all")
        try:
            result = self.call(hook, provider, arguments)
        except (FtkError, OSError):
            raise
        except Exception as error:  # a stranger's bug is told by his name, not as one of ftk
            message = f"plugin {provider!r}: its {hook} raised {reason(error)}"
            raise PluginError(message, f"a bug of that plugin; choose another provider of {hook}") from error
        return of_type(provider, hook, result, result_type)

    def ask_all(self, hook: str, result_type: type[T], **arguments: Any) -> Iterator[tuple[str, T]]:
        """What each plugin answers, by its name; one whose answer is an error or of another type is broken from then.

        The plugin that was registered last is asked first. No answer (None) is passed over.
        """
        for name in self.implementers(hook):
            try:
                with told_when_overdue(name, hook, self.tell):
                    answer = self.call(hook, name, arguments)
            except FtkError:
                raise
            except Exception as error:  # the others go on
                self.broken[name] = f"its {hook} raised {reason(error)}"
                continue
            if answer is None:
                continue
            if isinstance(answer, result_type):
                yield name, answer
            else:
                self.broken[name] = f"its {hook} returned {type(answer).__name__}, not {result_type.__name__}"

    def ask_for_items(self, hook: str, kind: type[T], **arguments: Any) -> Iterator[tuple[str, Sequence[T]]]:
        """The items that each plugin answers with, by its name; one with an item that is none is broken from then.

        :param kind: what each item is, a class or a protocol.
        """
        for name, items in self.ask_all(hook, cast("type[Sequence[T]]", Sequence), **arguments):
            lack = next((found for item in items if (found := find_lack(item, kind))), None)
            if lack is None:
                yield name, items
            else:
                self.broken[name] = f"its {hook} returned {lack}"

    def implementers(self, hook: str) -> list[str]:
        """The plugins with an implementation of a hook, the one that was registered last first."""
        found = reversed(getattr(self._plugins.hook, hook).get_hookimpls())
        names = [item.plugin_name for item in found if not (item.wrapper or item.hookwrapper)]
        return [name for name in names if name not in self.broken]

    def join(self, hook: str, groups: Iterable[tuple[str, Mapping[str, T]]]) -> dict[str, T]:
        """All named things of all plugins; where two have one of the same name, the second plugin is broken."""
        owners: dict[str, str] = {}
        joined: dict[str, T] = {}
        for plugin, group in sorted(groups, key=lambda pair: pair[0]):
            taken = next((name for name in group if name in owners), None)
            if taken is None:
                owners |= dict.fromkeys(group, plugin)
                joined |= group
            else:
                self.broken[plugin] = f"its {hook} has {taken!r}, which plugin {owners[taken]!r} has already"
        return joined


def of_type(plugin: str, hook: str, result: Any, result_type: type[T]) -> T:
    """What a hook returned.

    :raises PluginError: when that is of another type.
    """
    if not isinstance(result, result_type):
        raise PluginError(
            f"plugin {plugin!r}: {hook} returned {type(result).__name__}, not {result_type.__name__}",
            f"a bug of that plugin; choose another provider of {hook}",
        )
    return result
