"""Load the plugins, choose who provides a stage, and call hooks: one typed method each."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, TypeVar, cast

from ftk.accelerator import Kind
from ftk.advice import Advice
from ftk.artifacts import (
    Artifact,
    Completions,
    FetchedModel,
    Losses,
    MergedModel,
    Model,
    PreparedModel,
    StagedData,
    TrainedModel,
)
from ftk.backend import Backend
from ftk.command import Environment
from ftk.config.schema import Schema
from ftk.data.formats import DatasetFormat
from ftk.diagnosis import Diagnosis
from ftk.errors import FtkError, PluginError, Problem, UsageError
from ftk.hooks.loading import PluginFile, disabled_here, find_entries, reason
from ftk.hooks.registry import Registry, of_type
from ftk.hooks.shape import find_lack
from ftk.hooks.stages import PROVIDED, StageDeclaration
from ftk.loggers.logger import Logger
from ftk.server import Endpoint

if TYPE_CHECKING:
    from ftk.config.resolved import Config
    from ftk.home import Home
    from ftk.runs.run import Run
    from ftk.server import Served

NO_PROVIDER = "none"
"""As the provider of a stage: leave the stage out."""

T = TypeVar("T")


class Manager(Registry):
    """The plugins of one process, by what they are asked.

    Use `Manager.load()`. A plugin that is broken is told when it is chosen, and harms nothing else.
    """

    @classmethod
    def load(cls, disabled: Iterable[str] = (), files: Iterable[PluginFile] = ()) -> "Manager":
        """Import every installed plugin but the disabled ones.

        :param disabled: names to leave out, beside those that the environment names.
        :param files: plugins in single files, which are not asked for by their name but by where they lie.
        :raises PluginError: when one of these files is no plugin.
        """
        manager = cls()
        left_out = {*disabled_here(), *disabled}
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

    def declaration(self, stage: str, provider: str) -> StageDeclaration:
        """What a provider declares of its stage.

        :raises FtkError: when the plugin is gone or broken, such as between the start of a run and its resume.
        """
        found = self.declarations(stage)
        return found[self._named_provider(stage, provider, found)]

    # Hooks with one chosen provider

    def stage_data(self, provider: str, run: "Run") -> StagedData:
        """See `hookspecs.stage_data`."""
        return self.call_chosen("stage_data", provider, StagedData, run=run)

    def prepare_model(self, provider: str, run: "Run") -> PreparedModel:
        """See `hookspecs.prepare_model`."""
        return self.call_chosen("prepare_model", provider, PreparedModel, run=run)

    def prepare_tokenizer(self, provider: str, run: "Run") -> Artifact:
        """See `hookspecs.prepare_tokenizer`."""
        return self.call_chosen("prepare_tokenizer", provider, Artifact, run=run)

    def train(self, provider: str, run: "Run", data: StagedData, model: PreparedModel) -> TrainedModel:
        """See `hookspecs.train`."""
        return self.call_chosen("train", provider, TrainedModel, run=run, data=data, model=model)

    def merge(self, provider: str, run: "Run", model: PreparedModel, trained: TrainedModel) -> MergedModel:
        """See `hookspecs.merge`."""
        return self.call_chosen("merge", provider, MergedModel, run=run, model=model, trained=trained)

    def serve(self, provider: str, run: "Run", models: "Sequence[Served]") -> Endpoint:
        """See `hookspecs.serve`."""
        return self.call_chosen("serve", provider, Endpoint, run=run, models=models)

    def generate(self, provider: str, run: "Run", model: Model, prompts: Artifact, output: Artifact) -> Completions:
        """See `hookspecs.generate`."""
        return self.call_chosen("generate", provider, Completions, run=run, model=model, prompts=prompts, output=output)

    def score(self, provider: str, run: "Run", model: Model, rows: Artifact, output: Artifact) -> Losses:
        """See `hookspecs.score`."""
        return self.call_chosen("score", provider, Losses, run=run, model=model, rows=rows, output=output)

    # Hooks that every plugin is asked

    def fetch_model(self, run: "Run", ref: str, tokenizer_only: bool) -> FetchedModel | None:
        """See `hookspecs.fetch_model`."""
        given = {"run": run, "ref": ref, "tokenizer_only": tokenizer_only}
        # A download may take its time, and fail for reasons that are no plugin's fault.
        for plugin in self.implementers("fetch_model"):
            try:
                fetched = self.call("fetch_model", plugin, given)
            except (FtkError, OSError):
                raise
            except Exception as error:  # told here, or it would be taken for one of whoever wants the model
                message = f"plugin {plugin!r}: its fetch_model raised {reason(error)}"
                raise PluginError(message, f"FTK_DISABLE_PLUGINS={plugin} does without it") from error
            if fetched is not None:
                return of_type(plugin, "fetch_model", fetched, FetchedModel)
        return None

    def environment(self, name: str) -> Environment:
        """See `hookspecs.environment`.

        :raises PluginError: when no plugin describes an environment of this name.
        """
        for _, found in self.ask_all("environment", Environment, name=name):
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

    def dataset_formats(self) -> dict[str, DatasetFormat]:
        """All dataset formats by name; see `hookspecs.dataset_formats`."""
        groups = self.ask_for_items("dataset_formats", DatasetFormat)  # type: ignore[type-abstract]
        return self.join("dataset_formats", [(plugin, {item.name: item for item in group}) for plugin, group in groups])

    def loggers(self) -> dict[str, Logger]:
        """All loggers by name; see `hookspecs.loggers`."""
        groups = self.ask_for_items("loggers", Logger)
        return self.join("loggers", [(plugin, {item.name: item for item in group}) for plugin, group in groups])

    def config_blocks(self) -> dict[str, Schema]:
        """All plugins' blocks by name; see `hookspecs.config_block`."""
        return self.join(
            "config_block", list(self.ask_all("config_block", cast("type[Mapping[str, Schema]]", Mapping)))
        )

    def check(self, config: "Config") -> list[Problem]:
        """What all plugins find wrong; see `hookspecs.check`."""
        groups = self.ask_for_items("check", Problem, config=config, formats=self.dataset_formats())
        return [problem for _, group in groups for problem in group]

    def backend(self, name: str, home: "Home") -> Backend:
        """The backend of this name; see `hookspecs.backend`.

        :raises UsageError: when no plugin brings one.
        """
        for plugin, found in self.ask_all("backend", object, name=name, home=home):
            lack = find_lack(found, Backend)
            if lack is None:
                return cast("Backend", found)
            self.broken[plugin] = f"its backend returned {lack}"
        known = sorted(self.implementers("backend"))
        near = get_close_matches(name, known, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"plugins that bring one: {', '.join(known) or 'none'}"
        raise UsageError(f"no plugin brings the backend {name!r}{self._why_broken()}", remedy)

    def diagnose(self) -> list[Diagnosis]:
        """What all plugins find on this machine; see `hookspecs.diagnose`."""
        groups = self.ask_for_items("diagnose", Diagnosis)
        return [item for _, group in groups for item in group]

    def advice(self, environment: str) -> list[Advice]:
        """What plugins know of failures of an environment's commands; see `hookspecs.advice`.

        :param environment: its name. Whoever describes it comes first.
        """
        describers = self.implementers("environment")
        found = self.ask_all("environment", Environment, name=environment)
        owner = next((plugin for plugin, _ in found), None)
        groups = dict(self.ask_for_items("advice", Advice, environment=environment))
        others = [item for plugin, group in groups.items() if plugin not in describers for item in group]
        return [*(groups.get(owner, ()) if owner else ()), *others]


def _defaults(providers: Mapping[str, StageDeclaration], accelerator: Callable[[], Kind]) -> list[str]:
    """Those who are the default on the accelerator, else those who always are."""
    some = {name: item.default for name, item in providers.items() if isinstance(item.default, tuple)}
    here = accelerator() if some else None
    natural = [name for name, kinds in some.items() if here in kinds]
    return natural or [name for name, item in providers.items() if item.default is True]


def _choose(stage: str, name: str) -> str:
    key = "ftk.engine" if stage == "train" else f"ftk.stages.{stage}"
    return f"choose one in the config: `{key}: {name}`"
