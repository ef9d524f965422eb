"""Find plugins, choose who provides a stage, and call hooks: one typed method each, the only user of pluggy."""

import inspect
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pluggy

from ftk import hookspecs
from ftk.artifacts import Artifact, Completions, MergedModel, Model, PreparedModel, StagedData, TrainedModel
from ftk.command import Endpoint, Environment
from ftk.errors import PluginError, UsageError
from ftk.schema import Schema
from ftk.stages import StageDeclaration

if TYPE_CHECKING:
    from ftk.advice import Advice
    from ftk.backend import Backend
    from ftk.config import Config
    from ftk.data import DatasetFormat
    from ftk.errors import Problem
    from ftk.home import Home
    from ftk.run import FetchedModel, Run

GROUP = "ftk"
"""The entry-point group in which plugins are found."""

DISABLE_VARIABLE = "FTK_DISABLE_PLUGINS"
"""Names of plugins that must not even be imported, separated by commas."""

NO_PROVIDER = "none"
"""As the provider of a stage: leave the stage out."""

T = TypeVar("T")


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


def _entry_points() -> list[EntryPoint]:
    return sorted(entry_points(group=GROUP), key=lambda entry: entry.name)


def find_plugins() -> list[FoundPlugin]:
    """All installed plugins by name, none of them imported."""
    return [
        FoundPlugin(
            entry.name, entry.dist.name if entry.dist else "?", entry.dist.version if entry.dist else "?", entry.value
        )
        for entry in _entry_points()
    ]


class Manager:
    """The plugins of one process.

    Use `Manager.load()`. A plugin that cannot be loaded is kept in `broken` by name with the reason: it is told when it
    is chosen, and harms nothing else.
    """

    def __init__(self) -> None:
        self._plugins = pluggy.PluginManager("ftk")
        self._plugins.add_hookspecs(hookspecs)
        self.broken: dict[str, str] = {}

    @classmethod
    def load(cls) -> "Manager":
        """Import every installed plugin but the disabled ones."""
        manager = cls()
        disabled = {name.strip() for name in os.environ.get(DISABLE_VARIABLE, "").split(",")}
        for entry in _entry_points():
            if entry.name not in disabled:
                manager._load_one(entry)
        return manager

    def _load_one(self, entry: EntryPoint) -> None:
        try:
            self.register(entry.load(), entry.name)
        except Exception as error:  # whatever a stranger's module raises must not end ftk
            self.broken[entry.name] = _reason(error)

    def register(self, plugin: object, name: str) -> None:
        """Add a plugin.

        :raises PluginError: when a name is taken, or a hook is unknown or has other arguments than its spec.
        """
        if self._plugins.has_plugin(name):
            raise PluginError(f"plugin {name!r} is there twice", "uninstall one, or rename its entry point")
        for hook, function in _marked(plugin).items():
            if not hasattr(hookspecs, hook) or not hasattr(self._plugins.hook, hook):
                raise PluginError(f"plugin {name!r} implements {hook!r}, which is no hook of ftk", _nearest(hook))
            known = _arguments(getattr(hookspecs, hook))
            strange = [argument for argument in _arguments(function) if argument not in known]
            if strange:
                message = f"plugin {name!r}: its {hook} wants {', '.join(strange)}, which that hook is not given"
                raise PluginError(message, f"the hook is {hook}({', '.join(known)})")
        try:
            self._plugins.register(plugin, name)
        except pluggy.PluginValidationError as error:
            # Older versions of pluggy keep what they refuse.
            if self._plugins.has_plugin(name):
                self._plugins.unregister(name=name)
            raise PluginError(f"plugin {name!r}: {' '.join(str(error).split())}", "mend the plugin") from None

    def names(self) -> list[str]:
        """The names of the plugins that work."""
        return [name for name, _ in self._plugins.list_name_plugin()]

    # Choosing

    def provider(self, stage: str, chosen: Mapping[str, str | None]) -> str:
        """Who provides a stage: whoever the config names, else the default for every engine, else the engine.

        :param stage: the stage's hook.
        :param chosen: the config's choices by stage; `train` holds the engine, if it is named.
        :raises UsageError: when nobody or several would do.
        """
        providers = self._declarations(stage)
        named = chosen.get(stage)
        if named == NO_PROVIDER and stage == "merge":
            return NO_PROVIDER
        if named is not None:
            return self._named_provider(stage, named, providers)
        defaults = [name for name, declaration in providers.items() if declaration.default]
        if len(defaults) > 1:
            both = " and ".join(defaults)
            raise UsageError(f"{both} both want to provide {stage}", _choose(stage, defaults[0]))
        if defaults:
            return defaults[0]
        engine = chosen.get("train") or (self.provider("train", chosen) if stage != "train" else None)
        if engine in providers:
            return engine
        if providers:
            message = f"{' and '.join(providers)} can provide {stage}, but not unasked"
            raise UsageError(message, _choose(stage, next(iter(providers))))
        raise UsageError(f"no plugin provides {stage}{self._why_broken()}", "`ftk plugins` lists what is installed")

    def _named_provider(self, stage: str, named: str, providers: Iterable[str]) -> str:
        if named in providers:
            return named
        if named in self.broken:
            raise PluginError(f"plugin {named!r} is broken: {self.broken[named]}", "mend it, or choose another")
        near = get_close_matches(named, list(providers), n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"those that do: {', '.join(providers) or 'none'}"
        raise UsageError(f"no plugin {named!r} provides {stage}", remedy)

    def _why_broken(self) -> str:
        return "".join(f"; plugin {name!r} is broken: {reason}" for name, reason in self.broken.items())

    def _declarations(self, stage: str) -> dict[str, StageDeclaration]:
        found = {}
        for implementation in getattr(self._plugins.hook, stage).get_hookimpls():
            declaration = getattr(implementation.function, "__ftk_stage__", None)
            if declaration is not None:
                found[implementation.plugin_name] = declaration
        return dict(sorted(found.items()))

    def declaration(self, stage: str, provider: str) -> StageDeclaration:
        """What a provider declares of its stage.

        :raises FtkError: when the plugin is gone or broken, such as between the start of a run and its resume.
        """
        found = self._declarations(stage)
        return found[self._named_provider(stage, provider, found)]

    def _call_of(self, hook: str, provider: str, result_type: type[T], **arguments: Any) -> T:
        """Call one plugin's implementation; wrappers of all the others stay around it."""
        caller = getattr(self._plugins.hook, hook)
        others = [
            implementation.plugin
            for implementation in caller.get_hookimpls()
            if implementation.plugin_name != provider and not (implementation.wrapper or implementation.hookwrapper)
        ]
        result = self._plugins.subset_hook_caller(hook, others)(**arguments)
        if not isinstance(result, result_type):
            raise PluginError(
                f"plugin {provider!r}: {hook} returned {type(result).__name__}, not {result_type.__name__}",
                f"a bug of that plugin; choose another provider of {hook}",
            )
        return result

    # Hooks with one chosen provider

    def stage_data(self, provider: str, run: "Run") -> StagedData:
        """See `hookspecs.stage_data`."""
        return self._call_of("stage_data", provider, StagedData, run=run)

    def prepare_model(self, provider: str, run: "Run") -> PreparedModel:
        """See `hookspecs.prepare_model`."""
        return self._call_of("prepare_model", provider, PreparedModel, run=run)

    def prepare_tokenizer(self, provider: str, run: "Run") -> Artifact:
        """See `hookspecs.prepare_tokenizer`."""
        return self._call_of("prepare_tokenizer", provider, Artifact, run=run)

    def train(self, provider: str, run: "Run", data: StagedData, model: PreparedModel) -> TrainedModel:
        """See `hookspecs.train`."""
        return self._call_of("train", provider, TrainedModel, run=run, data=data, model=model)

    def merge(self, provider: str, run: "Run", model: PreparedModel, trained: TrainedModel) -> MergedModel:
        """See `hookspecs.merge`."""
        return self._call_of("merge", provider, MergedModel, run=run, model=model, trained=trained)

    def serve(self, provider: str, run: "Run", model: Model, port: int) -> Endpoint:
        """See `hookspecs.serve`."""
        return self._call_of("serve", provider, Endpoint, run=run, model=model, port=port)

    def generate(self, provider: str, run: "Run", model: Model, prompts: Artifact, output: Artifact) -> Completions:
        """See `hookspecs.generate`."""
        return self._call_of("generate", provider, Completions, run=run, model=model, prompts=prompts, output=output)

    # Hooks that every plugin is asked

    def fetch_model(self, run: "Run", ref: str, tokenizer_only: bool) -> "FetchedModel | None":
        """See `hookspecs.fetch_model`."""
        fetched = self._plugins.hook.fetch_model(run=run, ref=ref, tokenizer_only=tokenizer_only)
        return cast("FetchedModel | None", fetched)

    def environment(self, name: str) -> Environment:
        """See `hookspecs.environment`.

        :raises PluginError: when no plugin describes an environment of this name.
        """
        found = self._plugins.hook.environment(name=name)
        if found is None:
            raise PluginError(f"no plugin describes the environment {name!r}", "`ftk plugins` lists what is installed")
        return cast(Environment, found)

    def dataset_formats(self) -> "dict[str, DatasetFormat]":
        """All dataset formats by name; see `hookspecs.dataset_formats`."""
        groups: list[Sequence[DatasetFormat]] = self._plugins.hook.dataset_formats()
        return {item.name: item for group in groups for item in group}

    def config_blocks(self) -> dict[str, Schema]:
        """All plugins' blocks by name; see `hookspecs.config_block`."""
        groups: list[dict[str, Schema]] = self._plugins.hook.config_block()
        return {name: schema for group in groups for name, schema in group.items()}

    def check(self, config: "Config") -> "list[Problem]":
        """What all plugins find wrong; see `hookspecs.check`."""
        groups: list[Sequence[Problem]] = self._plugins.hook.check(config=config, formats=self.dataset_formats())
        return [problem for group in groups for problem in group]

    def backend(self, name: str, home: "Home") -> "Backend":
        """The backend of this name; see `hookspecs.backend`.

        :raises UsageError: when no plugin brings one.
        """
        found = self._plugins.hook.backend(name=name, home=home)
        if found is None:
            raise UsageError(f"no plugin brings the backend {name!r}{self._why_broken()}", "`ftk plugins` lists them")
        return cast("Backend", found)

    def advice(self) -> "list[Advice]":
        """All plugins' advice; see `hookspecs.advice`."""
        groups: list[Sequence[Advice]] = self._plugins.hook.advice()
        return [item for group in groups for item in group]


def _marked(plugin: object) -> dict[str, Callable[..., Any]]:
    """The functions of a plugin that are meant as implementations of hooks."""
    members = vars(plugin) if isinstance(plugin, ModuleType) else dict(inspect.getmembers(plugin))
    functions: dict[str, Callable[..., Any]] = {name: item for name, item in members.items() if inspect.isroutine(item)}
    return {name: function for name, function in functions.items() if hasattr(function, "ftk_impl")}


def _arguments(function: Callable[..., Any]) -> list[str]:
    """The names of the arguments that a hook must be given."""
    parameters = inspect.signature(function).parameters.values()
    return [item.name for item in parameters if item.kind is item.POSITIONAL_OR_KEYWORD and item.default is item.empty]


def _nearest(hook: str) -> str:
    near = get_close_matches(hook, [name for name in vars(hookspecs) if not name.startswith("_")], n=1)
    return f"did its author mean {near[0]!r}?" if near else "CONTRIBUTING.md lists the hooks"


def _choose(stage: str, name: str) -> str:
    key = "ftk.engine" if stage == "train" else f"ftk.stages.{stage}"
    return f"choose one in the config: `{key}: {name}`"


def _reason(error: Exception) -> str:
    text = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())
