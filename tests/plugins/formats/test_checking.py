"""Every bad row is told before a run starts, with its line."""

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ftk_formats.plugin
from ftk.config.marked_yaml import read_yaml
from ftk.hooks.manager import Manager
from ftk.plugin import Config, Schema, Segment, complete, hookimpl
from ftk_formats.gate import BLOCK

GOOD = {"question": "q", "answer": "a"}
CONFIG = """\
datasets:
  - path: {path}
    type:
      field_instruction: question
      field_output: answer
train_on_inputs: false
"""

Find = Callable[..., list[str]]


@pytest.fixture
def manager() -> Manager:
    """The plugin alone."""
    found = Manager()
    found.register(ftk_formats.plugin, "formats")
    return found


@pytest.fixture
def find(manager: Manager, tmp_path: Path) -> Find:
    """Writes a data file and gives the problems of a config that names it, without the folder's name."""

    def check(content: bytes | str | list[Any], text: str = CONFIG, name: str = "rows.jsonl") -> list[str]:
        path = tmp_path / name
        if isinstance(content, list):
            content = "".join(json.dumps(row) + "\n" for row in content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        raw = read_yaml(text.replace("{path}", str(path)), "c.yml")
        data = complete(raw.values.get("ftk", {}).get("data", {}), BLOCK)
        block = {"data": data, "stages": {"stage_data": "formats"}}
        values = {**raw.values, "ftk": block}
        return [str(problem).replace(f"{tmp_path}/", "") for problem in manager.check(Config(values, raw.place))]

    return check


def test_good_rows_have_no_problems(find: Find) -> None:
    assert find([GOOD, {**GOOD, "more": 1}]) == []
    assert find('\n{"question": "q", "answer": "a"}\n\n  \n') == []
    assert find('\ufeff{"question": "q", "answer": "a"}\n') == []


def test_a_row_without_its_field_is_told_with_its_line_field_and_remedy(find: Find) -> None:
    assert find([GOOD] * 40 + [{"question": "q", "anwser": "a"}] + [GOOD]) == [
        "rows.jsonl:41: the field `answer` is missing (it has `question`, `anwser`); add it, or name the right field"
    ]


class CrudeFormat:
    """A stranger's format, whose author thought of good rows alone."""

    name, revision, example = "crude", 1, {"word": "farm"}
    schema: Schema = {"type": "object", "additionalProperties": False}

    def segments(self, row: dict[str, Any], options: object, train_on_inputs: bool) -> list[Segment]:
        return [Segment(row["word"], trained=True, ends=True)]


class Stranger:
    """The plugin that brings it."""

    @hookimpl
    def dataset_formats(self) -> list[CrudeFormat]:
        return [CrudeFormat()]


def test_a_bug_of_a_format_is_told_as_that_of_its_plugin(find: Find, manager: Manager) -> None:
    manager.register(Stranger(), "stranger")
    assert find([{"word": "barn"}, {"wrod": "barn"}], "datasets: [{path: {path}, type: crude}]") == [
        "rows.jsonl:2: the format crude raised KeyError: 'word'; a bug of the plugin that brings the format"
    ]
    assert manager.broken == {}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (b'{"question": ', "is no JSON: "),
        (b"[" * 100_000, "is no JSON: "),
        (b"[1, 2]", "is no JSON object; "),
        (b"null", "is no JSON object; "),
        ('{"question": "é", "answer": "a"}'.encode("latin-1"), "is no UTF-8 text (byte "),
        (b'{"question": "q", "answer": ""}', "the field `answer` is empty; "),
        (b'{"question": "q", "answer": 5}', "the field `answer` is 5, not text; "),
        (rb'{"question": "q\ud800", "answer": "a"}', r"the field `question` has half a character (\ud800); "),
    ],
)
def test_a_bad_row_is_told_with_its_line(find: Find, row: bytes, message: str) -> None:
    good = json.dumps(GOOD).encode()
    [problem] = find(b"\n".join([good, b"", row, good]))
    assert problem.startswith(f"rows.jsonl:3: {message}")
    assert "\n" not in problem


def test_blank_lines_count(find: Find) -> None:
    assert [problem.partition(": ")[0] for problem in find("\n\n3\n")] == ["rows.jsonl:3"]


def test_every_bad_row_is_told_until_there_are_too_many(find: Find) -> None:
    assert len(find([3] * 19 + [GOOD])) == 19
    problems = find([3] * 500)
    assert len(problems) == 21
    assert problems[19].startswith("rows.jsonl:20: ")
    assert problems[20] == "rows.jsonl: 20 bad rows; reading stopped; mend these first"
    assert len(find([3] * 500, CONFIG + "ftk: {data: {max_problems: 3}}\n")) == 4


@pytest.mark.parametrize("number", ["9" * 23, "1" + "0" * 5000])
def test_a_part_may_end_or_begin_behind_all_rows(find: Find, number: str) -> None:
    def told(part: str) -> list[str]:
        return find([GOOD, 3], CONFIG.replace("type:\n", f"split: {part}\n    type:\n", 1))

    everything = [told(part) for part in ("train", f"train[:{number}]", f"train[:{number}%]", "train[00:0099]")]
    assert everything == [everything[0]] * 4 and len(everything[0]) == 1
    for part in (f"train[{number}:]", f"train[{number}%:]"):
        assert told(part) == [f"rows.jsonl: has no rows in {part}; choose another part as `split`"]


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_a_file_without_rows_is_told(find: Find, content: str) -> None:
    assert find(content) == ["rows.jsonl: has no rows; write some, or remove the data set"]


def test_a_file_of_an_unknown_kind_is_told_with_the_line_of_its_path(find: Find) -> None:
    assert find("x", name="rows.dat") == [
        "c.yml:2: the name rows.dat does not tell how the file is read; say it: `ds_type: json`, csv, parquet, arrow or"
        " text"
    ]
    assert find([GOOD], CONFIG.replace("type:\n", "ds_type: json\n    type:\n", 1), "rows.dat") == []


def test_a_character_may_be_written_as_its_two_halves(find: Find) -> None:
    assert find(r'{"question": "\ud83d\ude00", "answer": "\\ud800"}') == []


def test_half_a_character_is_told_wherever_it_stands(find: Find) -> None:
    row = r'{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "\ud800"}]}'
    told = "rows.jsonl:1: the field `messages` has half a character"
    assert find(row, "datasets: [{path: '{path}', type: chat_template}]")[0].startswith(told)
    assert find(f"[{row}]", "datasets: [{path: '{path}', type: chat_template}]")[0].startswith(told)


def test_a_kind_that_the_name_contradicts_is_told_once(find: Find) -> None:
    text = CONFIG.replace("type:\n", "ds_type: json\n    type:\n", 1)
    assert find("question,answer\nq,a\n" * 3, text, "rows.csv") == [
        "c.yml:3: `ds_type` is json, but the name rows.csv says csv; `ds_type: csv`, or remove it"
    ]
    assert find([GOOD], text, "rows.txt") == []


def test_a_data_set_without_a_type_is_told_once(find: Find) -> None:
    text = "datasets:\n  - path: {path}\n"
    [told] = find([GOOD] * 3, text)
    assert told.startswith("c.yml:2: this data set has no `type`; name one, such as `type: alpaca`")
    assert find([{"input_ids": [1], "labels": [1]}], text) == []
    assert find([3], text)[0].startswith("rows.jsonl:1: is no JSON object")


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (3, "val_set_size 3 holds out all 3 rows; lower it"),
        (100, "val_set_size 100 holds out all 3 rows; lower it"),
        (0.99, "val_set_size 0.99 holds out all 3 rows; lower it"),
        (1.5, "val_set_size 1.5 is neither a share nor a number of rows; write a share below 1"),
    ],
)
def test_rows_that_cannot_be_held_out_are_told(find: Find, size: float, message: str) -> None:
    [told] = find([GOOD] * 3, f"{CONFIG}val_set_size: {size}\n")
    assert told.startswith(f"c.yml:7: {message}")


def test_rows_are_held_out_of_all_data_sets_together(find: Find) -> None:
    entry = "  - {path: '{path}', type: {field_instruction: question, field_output: answer}}\n"
    assert find([GOOD] * 3, f"datasets:\n{entry}{entry}val_set_size: 5\n") == []
    assert find([GOOD] * 3, f"datasets:\n{entry}  - {{path: org/name, type: alpaca}}\nval_set_size: 100\n") == []


def test_an_unknown_format_is_told_with_the_nearest(find: Find) -> None:
    text = "datasets:\n  - path: {path}\n    type: user_defind\ntrain_on_inputs: false\n"
    assert find([GOOD], text) == ["c.yml:3: there is no dataset format 'user_defind'; did you mean `user_defined`?"]
    assert "those known: alpaca, " in find([GOOD], text.replace("user_defind", "zzz"))[0]


def test_an_unknown_option_is_told_with_its_line_and_the_nearest(find: Find) -> None:
    problems = find([GOOD], CONFIG.replace("field_output", "feild_output"))
    assert problems == [
        "c.yml:5: `datasets[0].type.feild_output` is read by nothing that this run uses; did you mean `field_output`?"
    ]


def test_bad_braces_are_told_once_with_the_line_of_the_template(find: Find) -> None:
    text = CONFIG.replace("field_output: answer", "format: '{instruction'")
    assert [problem.partition(" is ")[0] for problem in find([GOOD] * 30, text)] == [
        "c.yml:5: `datasets[0].type.format`"
    ]


def test_all_data_sets_are_looked_at(find: Find) -> None:
    text = "datasets:\n  - {path: '{path}', type: zzz}\n  - {path: '{path}', type: {field_output: zzz}}\n"
    problems = find([{"instruction": "q"}], text)
    assert [problem.partition(": ")[0] for problem in problems] == ["c.yml:2", "rows.jsonl:1"]


def test_a_config_of_another_stage_may_lack_this_ones_keys(find: Find) -> None:
    assert find([GOOD], CONFIG.replace("train_on_inputs: false\n", "")) == []


CHATS = """\
datasets:
  - path: {path}
    type: chat_template
    field_mesages: talk
    chat_template: chatlm
train_on_inputs: false
"""


def test_unknown_keys_of_an_entry_and_unknown_templates_are_told(find: Find) -> None:
    assert find([GOOD], CHATS) == [
        "c.yml:4: `datasets[0].field_mesages` is read by nothing that this run uses; did you mean `field_messages`?",
        "c.yml:5: there is no chat template 'chatlm'; did you mean `chatml`?",
    ]
    assert "did you mean `path`?" in find([GOOD], CONFIG.replace("    type", "    pth: x\n    type"))[0]
    assert "`datasets[0].shards`" in find([GOOD], CONFIG.replace("    type", "    shards: 2\n    type"))[0]


def test_variables_of_a_template_that_no_config_sets_are_told(find: Find) -> None:
    row = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
    entry = "datasets:\n  - path: {path}\n    type: chat_template\n    chat_template: chatml\n"
    for indent in ("", "    "):
        kwargs = "chat_template_kwargs:\n  messages: 3\n  enable_thinking: false\n  add_generation_prompt: true\n"
        assert find([row], entry + textwrap.indent(kwargs, indent)) == [
            "c.yml:6: `messages` is not for a config to set; remove it",
            "c.yml:8: `add_generation_prompt` is not for a config to set; remove it",
        ]
        harmless = kwargs.replace("messages: 3", "size: 3").replace("true", "false")
        assert find([row], entry + textwrap.indent(harmless, indent)) == []


TALK = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
CRITIC = {"messages": [*TALK["messages"], {"role": "critic", "content": "c"}]}


@pytest.mark.parametrize(
    ("roles", "near"),
    [
        ("user, asistant", "assistant"),
        ("user, Assistant", "assistant"),
        ("asistant", "assistant"),
        ("user, critic", None),
        ("user, judge", None),
        ("human, developer", None),
    ],
)
def test_a_role_to_train_that_is_misspelt_is_told(find: Find, roles: str, near: str | None) -> None:
    text = f"datasets:\n  - path: {{path}}\n    type: chat_template\n    roles_to_train: [{roles}]\n"
    name = roles.rpartition(" ")[2]
    message = f"c.yml:4: no message has the role '{name}' of `roles_to_train`; did you mean `{near}`?"
    assert find([TALK, CRITIC if "crit" in roles else TALK], text) == ([message] if near else [])


def test_a_role_of_the_data_may_be_trained_by_the_name_that_it_has_there(find: Find) -> None:
    text = (
        "datasets:\n  - path: {path}\n    type: chat_template\n    roles_to_train: [boto, asker]\n"
        "    roles: {user: [asker], assistant: [bot]}\n"
    )
    row = {"messages": [{"role": "asker", "content": "q"}, {"role": "bot", "content": "a"}]}
    told = "c.yml:4: no message has the role 'boto' of `roles_to_train`; did you mean `bot`?"
    assert find([row], text) == [told]
    assert find([row], text.replace("boto", "bot")) == []


def test_fields_of_single_answers_where_rl_needs_more_are_told_once(find: Find) -> None:
    [told] = find([GOOD], CONFIG + "rl: dpo\n")
    wanted = "c.yml:3: these are fields of one answer a row, but `rl: dpo` learns from a better and a worse answer"
    assert told.startswith(f"{wanted}; name the fields of such rows (field_")
    assert "answers that are good or bad" in find([GOOD], CONFIG + "rl: kto\n")[0]


def test_a_format_for_preferences_needs_rl(find: Find) -> None:
    text = "datasets:\n  - path: {path}\n    type: chatml.intle\ntrain_on_inputs: false\n"
    assert "there is no dataset format 'chatml.intle'" in find([GOOD], text)[0]
    assert find([GOOD], text + "rl: dpo\n") == [
        "c.yml:3: there is no dataset format 'chatml.intle' for `rl: dpo`; did you mean `chatml.intel`?"
    ]
