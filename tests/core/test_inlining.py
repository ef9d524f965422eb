"""Files that a config names go into it, and what is wrong with them is told."""

from pathlib import Path
from typing import Any

import pytest

from ftk.config.inlining import JSON_FILE, inlined
from ftk.config.resolved import Config
from ftk.errors import ProblemsFound
from ftk.hooks.manager import Manager
from ftk.hooks.stages import RUN_STAGES
from ftk.plugin import MergedModel, stage

FILES = {"own.jinja": b"{{ messages }}", "bad.jinja": b"ab\xff", "own.json": b'{"stage": 2}', "bad.json": b"\xfe{}"}


class JsonReader:
    """Provides a stage that reads a JSON file."""

    @stage(revision=1, keys={"deepspeed": JSON_FILE})
    def merge(self, run: Any, model: Any, trained: Any) -> MergedModel:
        raise AssertionError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the config, with files of both kinds."""
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def taken(folder: Path, manager: Manager, **keys: Any) -> dict[str, Any]:
    """What of a config with these keys changes."""
    manager.register(JsonReader(), "reader")
    stages = {**dict.fromkeys(RUN_STAGES, "stub"), "merge": "reader"}
    values = {"datasets": [{"path": "x"}], **keys, "ftk": {"stages": stages, "engine": "stub"}}
    return inlined(Config(values, lambda path: ".".join(map(str, path))), folder, manager)


def test_the_content_of_a_file_takes_the_place_of_its_name(folder: Path, manager: Manager) -> None:
    data = [{"path": "x", "chat_template_jinja": "own.jinja"}]
    found = taken(folder, manager, datasets=data, chat_template_jinja="own.jinja", deepspeed="own.json")
    assert found == {
        "datasets": [{"path": "x", "chat_template_jinja": "{{ messages }}"}],
        "chat_template_jinja": "{{ messages }}",
        "deepspeed": {"stage": 2},
    }


@pytest.mark.parametrize("text", ["{{ x }}", "absent.jinja", "no file has a name that is so long " * 100])
def test_a_text_that_is_no_file_stays(folder: Path, manager: Manager, text: str) -> None:
    found = taken(folder, manager, chat_template_jinja=text, deepspeed=text)
    assert (found["chat_template_jinja"], "deepspeed" in found) == (text, False)


@pytest.mark.parametrize(
    ("keys", "place", "name"),
    [
        ({"chat_template_jinja": "bad.jinja"}, "chat_template_jinja", "bad.jinja"),
        (
            {"datasets": [{"path": "x"}, {"path": "x", "chat_template_jinja": "bad.jinja"}]},
            "datasets.1.chat_template_jinja",
            "bad.jinja",
        ),
        ({"deepspeed": "bad.json"}, "deepspeed", "bad.json"),
    ],
)
def test_a_file_that_is_no_text_is_told(
    folder: Path, manager: Manager, keys: dict[str, Any], place: str, name: str
) -> None:
    with pytest.raises(ProblemsFound) as error:
        taken(folder, manager, **keys)
    [problem] = error.value.problems
    byte = FILES[name].index(max(FILES[name]))
    assert (problem.place, problem.message) == (place, f"{folder / name} is no text in UTF-8 (byte {byte})")
    assert problem.remedy == "save the file as UTF-8"
