"""Plugins that are upgraded read more keys, or fewer: their runs go on as they are."""

import shutil
from pathlib import Path

import pytest

from ftk.testing.calls import Ftk

TOY = Path(__file__).parent.parent / "toy_plugin"

MORE = {
    '    "seed": ': '    "toy_more": {"type": "boolean", "default": False},\n    "seed": ',
    "@stage(revision=1, keys={})\ndef prepare_model": (
        '@hookimpl\ndef config_block() -> dict[str, Schema]:\n    """More settings."""\n'
        '    more = {"size": {"type": "integer", "default": 3}}\n'
        '    return {"toy": {"type": "object", "additionalProperties": False, "properties": more}}\n\n\n'
        '@stage(revision=1, keys={}, block=("toy.size",))\ndef prepare_model'
    ),
}
"""What the newer plugin has in place of parts of the older one."""


@pytest.fixture
def newer(ftk: Ftk) -> dict[str, str]:
    """The environment of calls with the toy engine of tomorrow."""
    folder = ftk.folder / "newer"
    shutil.copytree(TOY, folder)
    text = (folder / "ftk_toy/plugin.py").read_text()
    for old, new in MORE.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "ftk_toy/plugin.py").write_text(text)
    return {"PYTHONPATH": f"{folder}:{ftk.variables['PYTHONPATH']}"}


def goes_on(ftk: Ftk, variables: dict[str, str]) -> None:
    """Everything that is done with a run can be done with it, and its training is not done again."""
    before = len(ftk.events("stage_started"))
    calls = (("run", "--resume", "latest", "--set", "save_steps=3"), ("merge", "latest"), ("infer", "hello"))
    for call in calls:
        done = ftk(*call, **variables)
        assert done.returncode == 0, done.stderr
    assert {event["stage"] for event in ftk.events("stage_started")[before:]} == {"merge", "evaluate"}


def test_a_run_of_an_older_plugin_goes_on(ftk: Ftk, toy_config: Path, newer: dict[str, str]) -> None:
    done = ftk("run", toy_config)
    assert done.returncode == 0, done.stderr
    goes_on(ftk, newer)
    assert "toy_more: false" in (ftk.run_folder() / "resolved.yml").read_text()
    shutil.rmtree(ftk.cache)  # what is prepared again is what it was for the training
    for _ in range(2):
        again = ftk("run", "--resume", "latest", **newer)
        assert again.returncode == 0, again.stderr
    assert [event["stage"] for event in ftk.events("stage_started")].count("train") == 1
    changed = ftk("run", "--resume", "latest", "--set", "toy_more=true", **newer)
    assert (changed.returncode, "config toy_more: False then, True now" in changed.stderr) == (2, True)


def test_a_run_of_a_newer_plugin_goes_on(ftk: Ftk, toy_config: Path, newer: dict[str, str]) -> None:
    done = ftk("run", toy_config, "--set", "toy_more=true", "--set", "ftk.toy.size=4", **newer)
    assert done.returncode == 0, done.stderr
    goes_on(ftk, {})
    refused = ftk("run", "--resume", "latest", "--set", "toy_more=true")
    assert (refused.returncode, "`toy_more` is read by nothing that this run uses" in refused.stderr) == (2, True)
    again = ftk("run", "--resume", "latest", **newer)  # which knows its keys again
    assert again.returncode == 0, again.stderr
    assert "config toy_more: True then" in ftk("run", "--resume", "latest", "--set", "toy_more=false", **newer).stderr
