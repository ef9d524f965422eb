"""Choose who provides a stage, and call hooks: one typed method each, the only user of pluggy."""

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pluggy

from ftk import hookspecs
from ftk.accelerator import Kind
from ftk.artifacts import Artifact, Completions, MergedModel, Model, PreparedModel, StagedData, TrainedModel
from ftk.command import Endpoint, Environment
from ftk.errors import FtkError, PluginError, UsageError
from ftk.loading import PluginFile, disabled_plugins, find_entries, reason, refuse_misfit
from ftk.overdue import told_when_overdue
from ftk.schema import Schema
from ftk.stages import PROVIDED, StageDeclaration

if TYPE_CHECKING:
    from ftk.advice import Advice
    from ftk.backend import Backend
    from ftk.config import Config
    from ftk.data import DatasetFormat
    from ftk.diagnosis import Diagnosis
    from ftk.errors import Problem
    from ftk.home import Home
    from ftk.loggers.logger import Logger
    from ftk.run import FetchedModel, Run

NO_PROVIDER = "none"
"""As the provider of a stage: leave the stage out."""

T = TypeVar("T")


def _tell(message: str) -> None:
    print(f"warning: {message}", file=sys.stderr)


class Manager:
    """The plugins of one process.

    Use `Manager.load()`. A plugin that cannot be loaded, or whose hook fails where every plugin is asked, is kept in
    `broken` by name with the reason: it is told when it is chosen, and harms nothing else. `outdated` holds what
    plugins use that will be gone from the hooks one day.
    """

    def __init__(self) -> None:
        self._plugins = pluggy.PluginManager("ftk")
        self._plugins.add_hookspecs(hookspecs)
        self.broken: dict[str, str] = {}
        self.outdated: list[str] = []
        self.tell = _tell

    @classmethod
    def load(cls, disabled: Iterable[str] = (), files: Iterable[PluginFile] = ()) -> "Manager":
        """Import every installed plugin but the disabled ones.

        :param disabled: names to leave out, beside those that the environment names.
        :param files: plugins in single files, which are not asked for by their name but by where they lie.
        :raises PluginError: when one of these files is no plugin.
        """
        manager = cls()
        left_out = disabled_plugins(disabled)
        for entry in find_entries():
            if entry.name not in left_out:
                manager._load_one(entry)
        for file in files:
            manager.add_file(file)
        return manager

    def _load_one(self, entry: EntryPoint) -> None:
        try:
            self.register(entry.load(), entry.name)
        except Exception as error:  # whatever a stranger's module raises must not end ftk
            self.broken[entry.name] = reason(error)

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

    def names(self) -> list[str]:
        """The names of the plugins that work."""
        return [name for name, _ in self._plugins.list_name_plugin()]

    def hooks_of(self, name: str) -> list[str]:
        """The hooks that a plugin implements, sorted."""
        callers = self._plugins.get_hookcallers(self._plugins.get_plugin(name)) or ()
        return sorted(caller.name for caller in callers)

    # Choosing

    def provider(
        self, stage: str, chosen: Mapping[str, str | None], accelerator: Callable[[], Kind] = lambda: "cpu"
    ) -> str:
        """Who provides a stage: whoever the config names, else the default here or everywhere, else the engine.

        :param stage: the stage's hook.
        :param chosen: the config's choices by stage; `train` holds the engine, if it is named.
        :param accelerator: tells the backend's; called only where the choice depends on it.
        :raises UsageError: when nobody or several would do.
        """
        providers = self.declarations(stage)
        named = chosen.get(stage)
        if named == NO_PROVIDER and stage == "merge":
            return NO_PROVIDER
        if named is not None:
            return self._named_provider(stage, named, providers)
        defaults = _defaults(providers, accelerator)
        if len(defaults) > 1:
            both = " and ".join(defaults)
            raise UsageError(f"{both} both want to provide {stage}", _choose(stage, defaults[0]))
        if defaults:
            return defaults[0]
        engine = chosen.get("train") or (self.provider("train", chosen, accelerator) if stage != "train" else None)
        if engine in providers:
            return engine
        if providers:
            message = f"{' and '.join(providers)} can provide {stage}, but not unasked"
            raise UsageError(message, _choose(stage, next(iter(providers))))
        raise UsageError(f"no plugin provides {stage}{self._why_broken()}", "`ftk plugins` lists what is installed")

    def _named_provider(self, stage: str, named: str, providers: Iterable[str]) -> str:
        if named in self.broken:
            raise PluginError(f"plugin {named!r} is broken: {self.broken[named]}", "mend it, or choose another")
        if named in providers:
            return named
        near = get_close_matches(named, list(providers), n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"those that do: {', '.join(providers) or 'none'}"
        raise UsageError(f"no plugin {named!r} provides {stage}", remedy)

    def _why_broken(self) -> str:
        return "".join(f"; plugin {name!r} is broken: {reason}" for name, reason in self.broken.items())

    def declarations(self, stage: str) -> dict[str, StageDeclaration]:
        """What each provider of a stage declares of it, by name."""
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
        found = self.declarations(stage)
        return found[self._named_provider(stage, provider, found)]

    def _call(self, hook: str, plugin: str, arguments: Mapping[str, Any]) -> Any:
        """Call one plugin's implementation; wrappers of all the others stay around it."""
        caller = getattr(self._plugins.hook, hook)
        others = [
            implementation.plugin
            for implementation in caller.get_hookimpls()
            if implementation.plugin_name != plugin and not (implementation.wrapper or implementation.hookwrapper)
        ]
        return self._plugins.subset_hook_caller(hook, others)(**arguments)

    def _call_chosen(self, hook: str, provider: str, result_type: type[T], **arguments: Any) -> T:
        """Call the implementation of the plugin that was chosen."""
        try:
            result = self._call(hook, provider, arguments)
        except (FtkError, OSError):
            raise
        except Exception as error:  # a stranger's bug is told by his name, not as one of ftk
            message = f"plugin {provider!r}: its {hook} raised {reason(error)}"
            raise PluginError(message, f"a bug of that plugin; choose another provider of {hook}") from error
        return _of_type(provider, hook, result, result_type)

    def _ask_all(self, hook: str, result_type: type[T], **arguments: Any) -> Iterator[tuple[str, T]]:
        """What each plugin answers, by its name; one whose answer is an error or of another type is broken from then.

        The plugin that was registered last is asked first. No answer (None) is passed over.
        """
        for name in self._implementers(hook):
            try:
                with told_when_overdue(name, hook, self.tell):
                    answer = self._call(hook, name, arguments)
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

    def _implementers(self, hook: str) -> list[str]:
        """The plugins with an implementation of a hook, the one that was registered last first."""
        found = reversed(getattr(self._plugins.hook, hook).get_hookimpls())
        names = [item.plugin_name for item in found if not (item.wrapper or item.hookwrapper)]
        return [name for name in names if name not in self.broken]

    def _join(self, hook: str, groups: Iterable[tuple[str, Mapping[str, T]]]) -> dict[str, T]:
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

    # Hooks with one chosen provider

    def stage_data(self, provider: str, run: "Run") -> StagedData:
        """See `hookspecs.stage_data`."""
        return self._call_chosen("stage_data", provider, StagedData, run=run)

    def prepare_model(self, provider: str, run: "Run") -> PreparedModel:
        """See `hookspecs.prepare_model`."""
        return self._call_chosen("prepare_model", provider, PreparedModel, run=run)

    def prepare_tokenizer(self, provider: str, run: "Run") -> Artifact:
        """See `hookspecs.prepare_tokenizer`."""
        return self._call_chosen("prepare_tokenizer", provider, Artifact, run=run)

    def train(self, provider: str, run: "Run", data: StagedData, model: PreparedModel) -> TrainedModel:
        """See `hookspecs.train`."""
        return self._call_chosen("train", provider, TrainedModel, run=run, data=data, model=model)

    def merge(self, provider: str, run: "Run", model: PreparedModel, trained: TrainedModel) -> MergedModel:
        """See `hookspecs.merge`."""
        return self._call_chosen("merge", provider, MergedModel, run=run, model=model, trained=trained)

    def serve(self, provider: str, run: "Run", model: Model, port: int) -> Endpoint:
        """See `hookspecs.serve`."""
        return self._call_chosen("serve", provider, Endpoint, run=run, model=model, port=port)

    def generate(self, provider: str, run: "Run", model: Model, prompts: Artifact, output: Artifact) -> Completions:
        """See `hookspecs.generate`."""
        return self._call_chosen(
            "generate", provider, Completions, run=run, model=model, prompts=prompts, output=output
        )

    # Hooks that every plugin is asked

    def fetch_model(self, run: "Run", ref: str, tokenizer_only: bool) -> "FetchedModel | None":
        """See `hookspecs.fetch_model`."""
        from ftk.run import FetchedModel

        given = {"run": run, "ref": ref, "tokenizer_only": tokenizer_only}
        # A download may take its time, and fail for reasons that are no plugin's fault.
        for plugin in self._implementers("fetch_model"):
            fetched = self._call("fetch_model", plugin, given)
            if fetched is not None:
                return _of_type(plugin, "fetch_model", fetched, FetchedModel)
        return None

    def environment(self, name: str) -> Environment:
        """See `hookspecs.environment`.

        :raises PluginError: when no plugin describes an environment of this name.
        """
        for _, found in self._ask_all("environment", Environment, name=name):
            return found
        raise PluginError(f"no plugin describes the environment {name!r}", "`ftk plugins` lists what is installed")

    def environments(self) -> dict[str, list[str]]:
        """The environments that stages declare, by name, each with the plugins of these stages."""
        users: dict[str, set[str]] = {}
        for hook in PROVIDED:
            for plugin, declaration in self.declarations(hook).items():
                if declaration.environment:
                    users.setdefault(declaration.environment, set()).add(plugin)
        return {name: sorted(plugins) for name, plugins in sorted(users.items())}

    def dataset_formats(self) -> "dict[str, DatasetFormat]":
        """All dataset formats by name; see `hookspecs.dataset_formats`."""
        groups = self._ask_all("dataset_formats", cast("type[Sequence[DatasetFormat]]", Sequence))
        return self._join(
            "dataset_formats", [(plugin, {item.name: item for item in group}) for plugin, group in groups]
        )

    def loggers(self) -> "dict[str, Logger]":
        """All loggers by name; see `hookspecs.loggers`."""
        groups = self._ask_all("loggers", cast("type[Sequence[Logger]]", Sequence))
        return self._join("loggers", [(plugin, {item.name: item for item in group}) for plugin, group in groups])

    def config_blocks(self) -> dict[str, Schema]:
        """All plugins' blocks by name; see `hookspecs.config_block`."""
        return self._join(
            "config_block", list(self._ask_all("config_block", cast("type[Mapping[str, Schema]]", Mapping)))
        )

    def check(self, config: "Config") -> "list[Problem]":
        """What all plugins find wrong; see `hookspecs.check`."""
        kind = cast("type[Sequence[Problem]]", Sequence)
        groups = self._ask_all("check", kind, config=config, formats=self.dataset_formats())
        return [problem for _, group in groups for problem in group]

    def backend(self, name: str, home: "Home") -> "Backend":
        """The backend of this name; see `hookspecs.backend`.

        :raises UsageError: when no plugin brings one.
        """
        for _, found in self._ask_all("backend", object, name=name, home=home):
            return cast("Backend", found)
        raise UsageError(f"no plugin brings the backend {name!r}{self._why_broken()}", "`ftk plugins` lists them")

    def diagnose(self) -> "list[Diagnosis]":
        """What all plugins find on this machine; see `hookspecs.diagnose`."""
        groups = self._ask_all("diagnose", cast("type[Sequence[Diagnosis]]", Sequence))
        return [item for _, group in groups for item in group]

    def advice(self) -> "list[Advice]":
        """All plugins' advice; see `hookspecs.advice`."""
        groups = self._ask_all("advice", cast("type[Sequence[Advice]]", Sequence))
        return [item for _, group in groups for item in group]


def _of_type(plugin: str, hook: str, result: Any, result_type: type[T]) -> T:
    if not isinstance(result, result_type):
        raise PluginError(
            f"plugin {plugin!r}: {hook} returned {type(result).__name__}, not {result_type.__name__}",
            f"a bug of that plugin; choose another provider of {hook}",
        )
    return result


def _defaults(providers: Mapping[str, StageDeclaration], accelerator: Callable[[], Kind]) -> list[str]:
    """Those who are the default on the accelerator, else those who always are."""
    some = {name: item.default for name, item in providers.items() if isinstance(item.default, tuple)}
    here = accelerator() if some else None
    natural = [name for name, kinds in some.items() if here in kinds]
    return natural or [name for name, item in providers.items() if item.default is True]


def _choose(stage: str, name: str) -> str:
    key = "ftk.engine" if stage == "train" else f"ftk.stages.{stage}"
    return f"choose one in the config: `{key}: {name}`"
