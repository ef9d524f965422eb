"""Plugins that do what they should not: each is told by its name, its hook and a remedy, and the others go on."""

import threading
import warnings
from collections.abc import Callable
from typing import Any

import pluggy
import pytest

from ftk.advice import Advice
from ftk.errors import PluginError
from ftk.hooks import hookspecs, overdue
from ftk.hooks.manager import Manager
from ftk.plugin import hookimpl, stage


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


def form(name: str) -> Things:
    return Things(name=name, revision=1, schema={"type": "object"})


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
    plugins = {name: Things(**{hook: hookimpl(lambda: [form("alpaca")])}) for name in ("a", "b")}
    manager = manager_of(**plugins)
    assert list(getattr(manager, hook)()) == ["alpaca"]
    assert manager.broken == {"b": f"its {hook} has 'alpaca', which plugin 'a' has already"}


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
