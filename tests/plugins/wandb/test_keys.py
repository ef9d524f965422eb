"""When the logger `wandb` is chosen, and what it refuses before a run starts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ftk.config import schema
from ftk.plugin import Config
from ftk_wandb.keys import KEYS, find_problems, is_wanted
from ftk_wandb.plugin import diagnose


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever runs the tests has no account."""
    for name in ("ALLOW_WANDB", "WANDB_MODE", "WANDB_API_KEY", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


@pytest.mark.parametrize(
    ("config", "variables", "wanted"),
    [
        ({}, {}, None),
        ({"wandb_project": ""}, {}, None),
        ({"wandb_name": "x"}, {}, None),
        ({"wandb_project": "p"}, {}, True),
        ({"use_wandb": True}, {}, True),
        ({"wandb_project": "p", "use_wandb": False}, {}, False),
        ({"wandb_project": "p", "wandb_mode": "disabled"}, {}, False),
        ({"wandb_project": "p"}, {"WANDB_MODE": "disabled"}, False),
        ({}, {"ALLOW_WANDB": "true"}, True),
        ({"wandb_project": "p"}, {"ALLOW_WANDB": "true"}, True),
        ({"wandb_project": "p"}, {"ALLOW_WANDB": "false"}, False),
    ],
)
def test_keys_and_environment_choose_it(
    config: Mapping[str, Any], variables: Mapping[str, str], wanted: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert is_wanted(config) is wanted


def _problems(backend: str = "local", **keys: str | bool | None) -> list[str]:
    config = Config({**keys, "ftk": {"backend": backend}}, lambda path: ".".join(map(str, path)))
    return [str(problem) for problem in find_problems(config)]


def test_without_a_key_it_says_so_and_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    [told] = _problems()
    assert told.startswith("wandb_project: the logger wandb has no API key; `wandb login`, or set WANDB_API_KEY")
    assert "`ALLOW_WANDB=false`" in told
    assert _problems(wandb_mode="offline") == []
    assert _problems(backend="elsewhere") == []
    (tmp_path / "netrc").write_text("machine api.wandb.ai login user password secret\n")
    assert _problems() == []
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example")
    assert len(_problems()) == 1
    monkeypatch.setenv("WANDB_API_KEY", "secret")
    assert _problems() == []


def test_histograms_are_refused_by_name() -> None:
    [told] = _problems(wandb_mode="offline", wandb_watch="gradients")
    assert told.startswith("wandb_watch: `wandb_watch` wants histograms from inside the training")
    assert "train/grad_norm" in told
    assert _problems(wandb_mode="offline", wandb_watch=True) == [told]


@pytest.mark.parametrize("value", ["false", False, None])
@pytest.mark.parametrize("key", ["wandb_watch", "wandb_log_model"])
def test_false_may_be_a_text_or_a_value(key: str, value: str | bool | None) -> None:
    assert list(schema.find_problems({key: value}, {"properties": KEYS}, str)) == []
    assert _problems(backend="elsewhere", **{key: value}) == []


def test_what_may_be_kept_is_told_once_each() -> None:
    [told] = schema.find_problems({"wandb_log_model": "all"}, {"properties": KEYS}, str)
    assert told.message.endswith("must be `checkpoint` or `end` or `false`")


def test_the_key_is_found_and_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    [told] = diagnose()
    assert (told.verdict, told.detail) == ("note", "there is none")
    monkeypatch.setenv("WANDB_API_KEY", "secret")
    [told] = diagnose()
    assert (told.verdict, told.detail) == ("ok", "there is one")
    assert "secret" not in str(told)
