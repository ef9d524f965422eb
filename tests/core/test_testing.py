"""`ftk plugins check`: good plugins pass, and each bad one is told what is wrong."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ftk.plugin import LoggedRun, Logger, RowError, Schema, Segment
from ftk.testing.checks import findings
from ftk.testing.formats import FORMAT_CHECKS
from ftk.testing.loggers import LOGGER_CHECKS
from ftk.testing.plugins import check_plugin, problems_of


class GoodFormat:
    """Rows with a `word`."""

    name = "words"
    revision = 1
    schema: Schema = {"type": "object", "additionalProperties": False}
    example: Mapping[str, Any] = {"word": "farm"}

    def segments(self, row: Mapping[str, Any], options: Mapping[str, Any], train_on_inputs: bool) -> list[Segment]:
        if not isinstance(row.get("word"), str):
            raise RowError("the field `word` is missing", "add it")
        return [Segment(row["word"], trained=True, ends=True)]


class Nameless(GoodFormat):
    name = ""


class Unrevised(GoodFormat):
    revision = 0


class Loose(GoodFormat):
    schema = {"type": "object"}


class Without(GoodFormat):
    example = {}


class Untrained(GoodFormat):
    def segments(self, row: Mapping[str, Any], options: Mapping[str, Any], train_on_inputs: bool) -> list[Segment]:
        return [Segment(segment.text, trained=False) for segment in super().segments(row, options, train_on_inputs)]


class Crude(GoodFormat):
    def segments(self, row: Mapping[str, Any], options: Mapping[str, Any], train_on_inputs: bool) -> list[Segment]:
        return [Segment(row["word"], trained=True, ends=True)]


class Lax(GoodFormat):
    def segments(self, row: Mapping[str, Any], options: Mapping[str, Any], train_on_inputs: bool) -> list[Segment]:
        return [Segment(str(row.get("word")), trained=True, ends=True)]


def problems(checks: Any, subject: Any) -> list[str]:
    return [finding.problem for finding in findings(checks, subject) if finding.problem]


def test_a_good_format_passes() -> None:
    assert problems(FORMAT_CHECKS, GoodFormat()) == []


@pytest.mark.parametrize(
    ("form", "told"),
    [
        (Nameless(), "its name is ''"),
        (Unrevised(), "its revision is 0"),
        (Loose(), "additionalProperties"),
        (Without(), "it has no `example`"),
        (Untrained(), "no token of its example is trained"),
        (Crude(), "the row {} raised KeyError"),
        (Lax(), "the row {} was accepted"),
    ],
)
def test_a_bad_format_is_told_what_is_wrong(form: GoodFormat, told: str) -> None:
    assert any(told in problem for problem in problems(FORMAT_CHECKS, form))


class GoodLogger(Logger):
    """Does nothing, and well."""

    name = "nothing"


class LoggerWithoutRemedy(GoodLogger):
    modules = ("json",)


class Eager(GoodLogger):
    def is_wanted(self, config: Mapping[str, Any]) -> bool:
        return True


class Delicate(GoodLogger):
    def log_metrics(self, values: Mapping[str, float], step: int, time: float) -> None:
        if any(value != value for value in values.values()):
            raise ValueError("not a number")


class Wandering(GoodLogger):
    starts = 0

    def run_started(self, run: LoggedRun) -> str:
        self.starts += 1
        return f"http://127.0.0.1/{self.starts}"


def test_a_good_logger_passes() -> None:
    assert problems(LOGGER_CHECKS, GoodLogger()) == []


@pytest.mark.parametrize(
    ("logger", "told"),
    [
        (Logger(), "it has no `name`"),
        (LoggerWithoutRemedy(), "`modules` but no `remedy`"),
        (Eager(), "it wants to log a run whose config says nothing"),
        (Delicate(), "ValueError: not a number"),
        (Wandering(), "its links are http://127.0.0.1/"),
    ],
)
def test_a_bad_logger_is_told_what_is_wrong(logger: Logger, told: str) -> None:
    assert any(told in problem for problem in problems(LOGGER_CHECKS, logger))


def test_a_plugin_that_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("from ftk.plugin import hookimpl\n\n@hookimpl\ndef trian(run): ...\n")
    (finding,) = check_plugin(str(tmp_path / "bad.py"))
    assert "plugin 'bad' implements 'trian', which is no hook of ftk" in str(finding.problem)


def test_a_plugin_that_brings_something_incomplete_is_told(tmp_path: Path) -> None:
    source = "from ftk.plugin import Logger, hookimpl\n\n@hookimpl\ndef loggers():\n    return [Logger()]\n"
    (tmp_path / "bad.py").write_text(source)
    (finding,) = check_plugin(str(tmp_path / "bad.py"))
    assert finding.problem == "its loggers returned Logger, which has no `name`"


def installed(name: str, *marks: pytest.MarkDecorator) -> Any:
    return pytest.param(name, marks=[pytest.mark.needs(name), *marks])


FAST = ("formats", "jsonl", "merge", "models", "vllm")

SLOW = ("local", "mlflow", "tensorboard", "transformers", "wandb")


@pytest.mark.parametrize("name", [*map(installed, FAST), *(installed(name, pytest.mark.slow) for name in SLOW)])
def test_the_default_plugins_pass(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert problems_of(name) == []


@pytest.mark.slow
@pytest.mark.needs("axolotl")
def test_axolotl_passes_in_its_own_environment(axolotl: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    if "FTK_TEST_AXOLOTL" in axolotl:
        pytest.skip("the check knows no interpreter but that of an environment that ftk has built")
    for name, value in axolotl.items():
        monkeypatch.setenv(name, value)
    assert problems_of("axolotl") == []
