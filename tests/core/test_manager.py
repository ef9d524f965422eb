"""Plugins: found, chosen and called."""

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ftk.accelerator import Kind
from ftk.advice import Advice
from ftk.artifacts import Artifact, MergedModel, PreparedModel, TrainedModel
from ftk.command import Environment
from ftk.errors import PluginError, UsageError
from ftk.hooks import hookspecs
from ftk.hooks.loading import find_plugins
from ftk.hooks.manager import Manager
from ftk.hooks.stages import PROVIDED
from ftk.plugin import Cache, Config, FetchedModel, Run, hookimpl, stage

RUN: Any = object()
MODEL = PreparedModel(Artifact("cache", "base"), "m", 1)
TRAINED = TrainedModel(Artifact("run", "out"), True, 1, None, None)
HOOKS = {name: item for name, item in vars(hookspecs).items() if hasattr(item, "ftk_spec")}
CHOSEN = {*PROVIDED, "prepare_tokenizer"}
"""The hooks that one plugin is called for."""


class Plugin:
    """A plugin with these hooks.

    :param hooks: marked functions by the hook's name.
    """

    def __init__(self, **hooks: Callable[..., Any]) -> None:
        self.__dict__.update(hooks)


def merging(folder: str, default: bool | tuple[Kind, ...] = False) -> Plugin:
    """A plugin that merges into a folder of this name."""

    def merge(run: Any, model: Any, trained: Any) -> MergedModel:
        return MergedModel(Artifact("run", folder))

    return Plugin(merge=stage(revision=1, default=default)(merge))


class Wrapper:
    """A plugin that stands around every provider of merge."""

    def __init__(self) -> None:
        self.seen: list[MergedModel] = []

    @hookimpl(wrapper=True)
    def merge(self) -> Iterator[None]:
        result = yield
        self.seen.append(result)
        return result


def manager_of(**plugins: object) -> Manager:
    """A manager with these plugins, in this order."""
    manager = Manager()
    for name, plugin in plugins.items():
        manager.register(plugin, name)
    return manager


# Choosing


@pytest.mark.parametrize("names", [("one", "two"), ("two", "one")])
def test_the_named_provider_is_called_whatever_the_order(names: tuple[str, str]) -> None:
    manager = manager_of(**{name: merging(name) for name in names})
    for name in names:
        assert manager.provider("merge", {"merge": name}) == name
        assert manager.merge(name, RUN, MODEL, TRAINED).folder.path == name


def test_the_default_provider_is_chosen_where_none_is_named() -> None:
    manager = manager_of(a=merging("a"), b=merging("b", default=True), c=merging("c"))
    assert manager.provider("merge", {}) == "b"


def test_who_is_natural_on_the_accelerator_comes_first() -> None:
    manager = manager_of(a=merging("a", default=("cuda",)), b=merging("b", default=True))
    assert manager.provider("merge", {}, lambda: "cuda") == "a"
    assert manager.provider("merge", {}, lambda: "cpu") == "b"
    assert manager.provider("merge", {"merge": "b"}, lambda: "cuda") == "b"


def test_the_accelerator_is_looked_for_only_where_it_decides() -> None:
    def refuse() -> Kind:
        raise AssertionError("it does not matter here")

    assert manager_of(a=merging("a", default=True)).provider("merge", {}, refuse) == "a"
    assert manager_of(a=merging("a", default=("cuda",))).provider("merge", {"merge": "a"}, refuse) == "a"


def test_two_defaults_are_told_with_the_key_that_chooses() -> None:
    manager = manager_of(a=merging("a", default=True), b=merging("b", default=True))
    with pytest.raises(UsageError, match="a and b both want to provide merge") as error:
        manager.provider("merge", {})
    assert error.value.remedy == "choose one in the config: `ftk.stages.merge: a`"
    assert manager.provider("merge", {"merge": "b"}) == "b"


def test_an_engine_provides_what_no_other_plugin_is_the_default_for() -> None:
    def train(run: Any, data: Any, model: Any) -> None:
        """Does nothing."""

    engine = Plugin(train=stage(revision=1)(train), merge=merging("engine").merge)
    manager = manager_of(other=merging("other"), engine=engine)
    assert manager.provider("merge", {"train": "engine"}) == "engine"


def test_providers_that_must_be_named_are_told_with_the_key_that_chooses() -> None:
    def train(run: Any, data: Any, model: Any) -> None:
        """Does nothing."""

    manager = manager_of(a=Plugin(train=stage(revision=1)(train)), b=Plugin(train=stage(revision=1)(train)))
    with pytest.raises(UsageError, match="a and b can provide train, but not unasked") as error:
        manager.provider("train", {})
    assert error.value.remedy == "choose one in the config: `ftk.engine: a`"


def test_a_stage_without_any_provider_is_told() -> None:
    with pytest.raises(UsageError, match="no plugin provides merge"):
        Manager().provider("merge", {"train": "x"})


def test_an_unknown_provider_is_told_with_the_nearest_or_all() -> None:
    manager = manager_of(alpha=merging("a"), beta=merging("b"))
    with pytest.raises(UsageError, match="no plugin 'alpa' provides merge") as error:
        manager.provider("merge", {"merge": "alpa"})
    assert error.value.remedy == "did you mean 'alpha'?"
    with pytest.raises(UsageError) as error:
        manager.provider("merge", {"merge": "zzz"})
    assert error.value.remedy == "those that do: alpha, beta"


def test_only_merge_can_be_left_out() -> None:
    manager = manager_of(a=merging("a", default=True))
    assert manager.provider("merge", {"merge": "none"}) == "none"
    with pytest.raises(UsageError):
        manager.provider("serve", {"serve": "none"})


def test_what_a_provider_declares_is_known() -> None:
    def merge(run: Any, model: Any, trained: Any) -> None:
        """Does nothing."""

    marked = stage(revision=7, keys={"x": {"type": "string"}}, environment="torch")(merge)
    declaration = manager_of(a=Plugin(merge=marked)).declaration("merge", "a")
    assert (declaration.revision, declaration.environment, declaration.default) == (7, "torch", False)
    assert declaration.keys == {"x": {"type": "string"}}


def test_wrappers_of_other_plugins_stay_around_the_chosen_provider() -> None:
    wrapper = Wrapper()
    manager = manager_of(a=merging("a"), wrapper=wrapper, b=merging("b"))
    assert manager.merge("a", RUN, MODEL, TRAINED).folder.path == "a"
    assert [result.folder.path for result in wrapper.seen] == ["a"]
    assert list(manager.declarations("merge")) == ["a", "b"]


@pytest.mark.parametrize("value", [None, "text", MODEL])
def test_a_wrong_result_is_told_by_plugin_and_hook(value: object) -> None:
    def merge(run: Any, model: Any, trained: Any) -> Any:
        return value

    manager = manager_of(odd=Plugin(merge=stage(revision=1)(merge)), good=merging("good"))
    with pytest.raises(PluginError) as error:
        manager.merge("odd", RUN, MODEL, TRAINED)
    assert error.value.message == f"plugin 'odd': merge returned {type(value).__name__}, not MergedModel"


# Finding and registering


def test_plugins_are_listed_without_importing_them(install: Callable[..., None]) -> None:
    install(a=AssertionError("imported"))
    assert [(plugin.name, plugin.module) for plugin in find_plugins()] == [("a", "a_module")]


def test_a_disabled_plugin_is_not_imported(install: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    install(a=merging("a"), bad=AssertionError("imported"), b=merging("b"))
    monkeypatch.setenv("FTK_DISABLE_PLUGINS", "bad, b")
    manager = Manager.load()
    assert (manager.names(), manager.broken) == (["a"], {})


def test_a_broken_plugin_harms_no_other(install: Callable[..., None]) -> None:
    install(bad=ImportError("No module named 'x'\nin two lines"), good=merging("good", default=True))
    manager = Manager.load()
    assert manager.names() == ["good"]
    assert manager.broken == {"bad": "ImportError: No module named 'x' in two lines"}
    assert manager.provider("merge", {}) == "good"


def test_a_broken_plugin_is_told_by_name_when_it_is_chosen(install: Callable[..., None]) -> None:
    install(bad=ImportError("No module named 'x'"), good=merging("good", default=True))
    with pytest.raises(PluginError) as error:
        Manager.load().provider("merge", {"merge": "bad"})
    assert error.value.message == "plugin 'bad' is broken: ImportError: No module named 'x'"


def test_a_broken_plugin_is_told_where_nobody_else_would_do(install: Callable[..., None]) -> None:
    install(bad=ImportError("No module named 'x'"))
    with pytest.raises(UsageError, match="no plugin provides merge; plugin 'bad' is broken: ImportError"):
        Manager.load().provider("merge", {"train": "x"})


def test_a_misspelt_hook_is_told_with_the_nearest_right_name() -> None:
    plugin = Plugin(trian=hookimpl(lambda run: None))
    with pytest.raises(PluginError) as error:
        manager_of(odd=plugin)
    assert error.value.message == "plugin 'odd' implements 'trian', which is no hook of ftk"
    assert error.value.remedy == "did its author mean 'train'?"


def test_a_name_of_the_spec_module_that_is_no_hook_is_refused() -> None:
    with pytest.raises(PluginError, match="implements 'hookspec', which is no hook"):
        manager_of(odd=Plugin(hookspec=hookimpl(lambda: None)))


def test_wrong_arguments_are_told_in_one_line_and_leave_no_trace() -> None:
    def merge(run: Any, modl: Any, adapter: Any) -> None:
        """Does nothing."""

    manager = Manager()
    with pytest.raises(PluginError) as error:
        manager.register(Plugin(merge=stage(revision=1, default=True)(merge)), "odd")
    assert str(error.value).splitlines() == [
        "plugin 'odd': its merge wants modl, adapter, which that hook is not given",
        "  the hook is merge(run, model, trained)",
    ]
    assert manager.names() == []
    assert manager.declarations("merge") == {}


def test_a_hook_may_take_fewer_arguments_and_have_defaults_of_its_own() -> None:
    def merge(run: Any, verbose: bool = False) -> MergedModel:
        return MergedModel(Artifact("run", "x"))

    assert manager_of(a=Plugin(merge=stage(revision=1)(merge))).merge("a", RUN, MODEL, TRAINED)


def test_a_wrapper_that_is_no_generator_is_told_in_one_line_and_leaves_no_trace() -> None:
    manager = Manager()
    with pytest.raises(PluginError) as error:
        manager.register(Plugin(merge=hookimpl(wrapper=True)(lambda run: None)), "odd")
    assert "'odd'" in error.value.message
    assert "\n" not in error.value.message
    assert manager.names() == []


def test_two_plugins_of_one_name_are_told() -> None:
    with pytest.raises(PluginError, match="plugin 'a' is there twice"):
        manager_of(a=merging("a")).register(merging("b"), "a")


# Hooks that every plugin is asked


def test_the_answers_of_all_plugins_are_joined() -> None:
    def plugin(name: str) -> Plugin:
        advice = hookimpl(lambda: [Advice(name, "meaning", "remedy")])
        return Plugin(advice=advice, config_block=hookimpl(lambda: {name: {"type": "object"}}))

    manager = manager_of(a=plugin("a"), b=plugin("b"))
    assert sorted(item.pattern for item in manager.advice("any")) == ["a", "b"]
    assert sorted(manager.config_blocks()) == ["a", "b"]


def test_advice_of_whoever_describes_environments_is_for_their_commands() -> None:
    def engine(name: str) -> Plugin:
        described = Environment(name, (), "")
        return Plugin(
            advice=hookimpl(lambda: [Advice("out of memory", name, "remedy")]),
            environment=hookimpl(lambda name: described if name == described.name else None),
        )

    anybody = Plugin(advice=hookimpl(lambda: [Advice("out of memory", "anybody", "remedy")]))
    manager = manager_of(anybody=anybody, trainer=engine("trainer"), server=engine("server"))
    assert [item.meaning for item in manager.advice("trainer")] == ["trainer", "anybody"]
    assert [item.meaning for item in manager.advice("unknown")] == ["anybody"]


def test_the_first_plugin_that_knows_a_name_is_taken() -> None:
    mine = FetchedModel(Artifact("cache", "mine"), "digest")
    knows = Plugin(fetch_model=hookimpl(lambda ref: mine if ref == "mine" else None))
    manager = manager_of(knows=knows, other=Plugin(fetch_model=hookimpl(lambda ref: None)))
    assert manager.fetch_model(RUN, "mine", False) == mine
    assert manager.fetch_model(RUN, "else", False) is None


def test_a_plugin_whose_fetching_is_broken_is_told_by_its_name(tmp_path: Path) -> None:
    class Broken:
        @hookimpl
        def fetch_model(self, ref: str) -> FetchedModel:
            raise KeyError(ref)

    class Preparing:
        @stage(revision=1)
        def prepare_model(self, run: Run) -> PreparedModel:
            run.fetch_model()
            raise AssertionError

    manager = manager_of(broken=Broken(), preparing=Preparing())
    backend: Any = None
    run = Run(tmp_path, Cache(tmp_path), Config({"base_model": "x"}), manager, backend)
    with pytest.raises(PluginError, match=r"^plugin 'broken': its fetch_model raised KeyError") as error:
        manager.prepare_model("preparing", run)
    assert error.value.remedy == "FTK_DISABLE_PLUGINS=broken does without it"


def test_an_environment_that_nobody_describes_is_told() -> None:
    with pytest.raises(PluginError, match="no plugin describes the environment 'torch'"):
        Manager().environment("torch")


def test_a_backend_that_nobody_brings_is_told() -> None:
    with pytest.raises(UsageError, match="no plugin brings the backend 'moon'"):
        Manager().backend("moon", RUN)


# The specs


def test_there_are_hooks() -> None:
    assert len(HOOKS) > 10
    assert set(HOOKS) >= CHOSEN


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_every_hook_is_documented(hook: str) -> None:
    text = inspect.getdoc(HOOKS[hook]) or ""
    arguments = list(inspect.signature(HOOKS[hook]).parameters)
    assert re.findall(r"^:param (\w+):", text, re.MULTILINE) == arguments
    assert len(re.findall(r"^:returns:", text, re.MULTILINE)) == 1
    assert re.search(r"\b([Cc]alled|Nothing is started)\b|The first plugin", text), "say when it is called"


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_every_hook_has_one_typed_method_with_its_arguments(hook: str) -> None:
    method = getattr(Manager, {"config_block": "config_blocks"}.get(hook, hook))
    given = list(inspect.signature(method).parameters.values())[1:]
    if hook in CHOSEN:
        assert given.pop(0).name == "provider"
    wanted = [name for name in inspect.signature(HOOKS[hook]).parameters if name != "formats"]
    assert [item.name for item in given] == wanted
    specs = inspect.get_annotations(HOOKS[hook])
    assert [_text(item.annotation) for item in given] == [_text(specs[name]) for name in wanted]
    assert inspect.signature(method).return_annotation not in (inspect.Signature.empty, Any)


def _text(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else annotation.__name__


def test_every_hook_is_used_by_a_default_plugin() -> None:
    manager = Manager.load()
    used = {hook for plugin in manager.names() for hook in manager.hooks_of(plugin)}
    assert set(HOOKS) - used == set()


def test_nothing_but_the_manager_calls_hooks(root: Path) -> None:
    sources = [*root.glob("core/**/*.py"), *root.glob("plugins/**/*.py")]
    users = [path.name for path in sources if re.search(r"\.hook\b|subset_hook_caller|PluginManager", path.read_text())]
    assert users == ["registry.py"]
