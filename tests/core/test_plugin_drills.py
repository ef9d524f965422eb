"""Plugins that do what they should not: each is told by its name, its hook and a remedy, and the others go on."""

import threading
import warnings
from collections.abc import Callable
from typing import Any

import pluggy
import pytest

from ftk.advice import Advice
from ftk.errors import PluginError, UsageError
from ftk.hooks import hookspecs, overdue
from ftk.hooks.manager import Manager
from ftk.plugin import Config, Logger, hookimpl, stage


class Things:
    """An object with these attributes: a plugin, or what one brings."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


GOOD = Things(advice=hookimpl(lambda: [Advice("good", "meaning", "remedy")]))


def fails(*arguments: Any, **named: Any) -> Any:
    raise ZeroDivisionError("nothing to divide\nby")


def manager_of(**plugins: object) -> Manager:
    manager = Manager()
    for name, plugin in plugins.items():
        manager.register(plugin, name)
    return manager


class Form(Things):
    """A dataset format, but for what a test leaves out."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(
            **{"name": "bad", "revision": 1, "schema": {"type": "object"}, "segments": fails, **attributes}
        )


class Named(Logger):
    """A logger of this name."""

    def __init__(self, name: str) -> None:
        self.name = name


class Nameless(Logger):
    """A logger without any."""


NEW: dict[str, Callable[[str], Any]] = {"dataset_formats": lambda name: Form(name=name), "loggers": Named}
"""Something that goes by a name, by the hook that brings it."""


@pytest.mark.parametrize(
    ("hook", "told"),
    [
        (lambda: 1 / 0, "its advice raised ZeroDivisionError: division by zero"),
        (lambda: 7, "its advice returned int, not Sequence"),
    ],
)
def test_a_hook_that_every_plugin_is_asked_may_fail_without_harm(hook: Callable[[], Any], told: str) -> None:
    manager = manager_of(good=GOOD, bad=Things(advice=hookimpl(hook)))
    assert [item.pattern for item in manager.advice("any")] == ["good"]
    assert manager.broken == {"bad": told}
    assert [item.pattern for item in manager.advice("any")] == ["good"], "a broken plugin is not asked again"
    assert list(manager.troubles()) == [f"plugin 'bad' is left out: {told}; mend it"]


def test_what_is_left_out_is_told_with_what_to_do(install: Callable[..., None]) -> None:
    install(broken=ImportError("No module named 'x'"), odd=Things(advice=hookimpl(lambda: 7)), good=GOOD)
    manager = Manager.load()
    manager.advice("any")
    assert list(manager.troubles()) == [
        "plugin 'broken' is left out: ImportError: No module named 'x'; mend it, or do without:"
        " `ftk.disable_plugins: [broken]`, or FTK_DISABLE_PLUGINS=broken",
        "plugin 'odd' is left out: its advice returned int, not Sequence; mend it, or do without:"
        " `ftk.disable_plugins: [odd]`, or FTK_DISABLE_PLUGINS=odd",
    ]


def test_a_plugin_that_has_failed_is_told_where_it_is_chosen() -> None:
    bad = Things(advice=hookimpl(lambda: 7), merge=stage(revision=1)(lambda run: None))
    manager = manager_of(bad=bad)
    manager.advice("any")
    with pytest.raises(PluginError, match="plugin 'bad' is broken: its advice returned int"):
        manager.provider("merge", {"merge": "bad"})


def test_a_stage_that_raises_is_told_by_plugin_and_hook() -> None:
    manager = manager_of(bad=Things(stage_data=stage(revision=1)(fails)))
    run: Any = None
    with pytest.raises(PluginError) as error:
        manager.stage_data("bad", run)
    assert error.value.message == "plugin 'bad': its stage_data raised ZeroDivisionError: nothing to divide by"
    assert error.value.remedy == "a bug of that plugin; choose another provider of stage_data"
    assert isinstance(error.value.__cause__, ZeroDivisionError), "its author wants the traceback"


@pytest.mark.parametrize("hook", ["dataset_formats", "loggers"])
def test_of_two_things_of_one_name_the_second_is_told(hook: str) -> None:
    plugins = {name: Things(**{hook: hookimpl(lambda: [NEW[hook]("alpaca")])}) for name in ("a", "b")}
    manager = manager_of(**plugins)
    assert list(getattr(manager, hook)()) == ["alpaca"]
    assert manager.broken == {"b": f"its {hook} has 'alpaca', which plugin 'a' has already"}


@pytest.mark.parametrize(
    ("hook", "item", "told"),
    [
        ("loggers", Nameless(), "Nameless, which has no `name`"),
        ("loggers", Named(7), "Named, whose `name` is 7, not str"),  # type: ignore[arg-type]
        ("loggers", Things(name="bad"), "Things, which has no `keys`"),
        ("dataset_formats", Form(name=None), "Form, whose `name` is None, not str"),
        ("dataset_formats", Things(name="bad", revision=1), "Things, which has no `schema`"),
        ("dataset_formats", Form(schema=[]), "Form, whose `schema` is [], not Mapping"),
        ("dataset_formats", Form(revision="1"), "Form, whose `revision` is '1', not int"),
        ("dataset_formats", Form(segments=None), "Form, which has no `segments`"),
    ],
)
def test_what_lacks_something_is_told_and_leaves_the_others(hook: str, item: Any, told: str) -> None:
    good = Things(**{hook: hookimpl(lambda: [NEW[hook]("good")])})
    manager = manager_of(good=good, bad=Things(**{hook: hookimpl(lambda: [item])}))
    assert list(getattr(manager, hook)()) == ["good"]
    assert manager.broken == {"bad": f"its {hook} returned {told}"}


def test_what_is_no_finding_is_told_by_the_plugin_that_returned_it() -> None:
    bad = {
        "checks": Things(check=hookimpl(lambda: ["config.yml:1: it is wrong"])),
        "diagnoses": Things(diagnose=hookimpl(lambda: [Things(subject="GPU")])),
        "advises": Things(advice=hookimpl(lambda: [None])),
    }
    manager = manager_of(**bad)
    assert (manager.check(Config({})), manager.diagnose(), manager.advice("any")) == ([], [], [])
    assert manager.broken == {
        "checks": "its check returned str, which has no `place`",
        "diagnoses": "its diagnose returned Things, which has no `verdict`",
        "advises": "its advice returned NoneType, which has no `pattern`",
    }


def test_a_backend_that_lacks_something_is_told() -> None:
    manager = manager_of(moon=Things(backend=hookimpl(lambda: Things(name="moon", servers_are_public=False))))
    home: Any = None
    with pytest.raises(UsageError, match="plugin 'moon' is broken: its backend returned Things, which has no `create`"):
        manager.backend("moon", home)


def test_a_stage_that_is_marked_with_something_else_is_refused() -> None:
    keys: Any = ["learning_rate"]
    with pytest.raises(
        PluginError, match=r"plugin 'bad': its merge is marked with .* whose `keys` is \['learning_rate'\]"
    ):
        manager_of(bad=Things(merge=stage(revision=1, keys=keys)(fails)))


def test_of_two_blocks_of_one_name_the_second_is_told() -> None:
    plugins = {name: Things(config_block=hookimpl(lambda: {"data": {"type": "object"}})) for name in "ab"}
    manager = manager_of(**plugins)
    assert list(manager.config_blocks()) == ["data"]
    assert manager.broken == {"b": "its config_block has 'data', which plugin 'a' has already"}


def test_a_hook_that_does_not_return_is_told_while_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overdue, "PATIENCE", 0.01)
    told = threading.Event()
    messages: list[str] = []

    def tell(message: str) -> None:
        messages.append(message)
        told.set()

    manager = manager_of(slow=Things(advice=hookimpl(lambda: told.wait(60) and [])))
    manager.tell = tell
    manager.advice("any")
    assert messages == [
        "plugin 'slow' has not returned from advice for 0.01 s;"
        " Ctrl-C stops, and FTK_DISABLE_PLUGINS=slow does without it"
    ]


def test_a_plugin_for_later_hooks_is_refused() -> None:
    with pytest.raises(PluginError) as error:
        manager_of(new=Things(FTK_HOOKS=hookspecs.VERSION + 1))
    assert f"is written for version {hookspecs.VERSION + 1} of ftk's hooks" in error.value.message
    assert "upgrade ftk" in str(error.value.remedy)


def test_a_plugin_for_these_hooks_or_earlier_ones_is_taken() -> None:
    assert manager_of(old=Things(FTK_HOOKS=hookspecs.VERSION)).names() == ["old"]


def test_a_hook_that_will_be_gone_is_told_with_the_plugin_that_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    goes = DeprecationWarning("`advice` goes with version 2; use `remedies`")
    old = pluggy.HookspecMarker("ftk")(firstresult=True, warn_on_impl=goes)(lambda: None)
    monkeypatch.setattr(hookspecs, "advice", old)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it must not reach whoever only runs ftk
        manager = manager_of(user=GOOD)
    assert manager.outdated == ["plugin 'user': `advice` goes with version 2; use `remedies`"]
    assert [item.pattern for item in manager.advice("any")] == ["good"]
