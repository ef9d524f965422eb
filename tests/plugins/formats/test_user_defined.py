"""The format whose fields and templates stand in the config."""

from collections.abc import Sequence
from typing import Any

import pytest

from ftk.plugin import RowError, Segment, complete, find_problems
from ftk_formats.user_defined import UserDefined

FORM = UserDefined()


def segments(row: dict[str, Any], train_on_inputs: bool = False, **options: str) -> Sequence[Segment]:
    """The segments of a row, with the options that a config names."""
    return FORM.segments(row, complete(options, FORM.schema), train_on_inputs)


def prompt(row: dict[str, Any], **options: str) -> str:
    """The prompt of a row."""
    return segments({"output": "o", **row}, **options)[0].text


def wrong(options: dict[str, Any]) -> list[str]:
    """What is wrong with the options of a config."""
    found = find_problems(complete(options, FORM.schema), FORM.schema, lambda path: "c.yml:1")
    return [problem.message for problem in found]


def test_the_fields_and_templates_are_axolotls_where_the_config_names_none() -> None:
    assert complete({}, FORM.schema) == {
        "system_prompt": "",
        "system_format": "{system}",
        "field_system": "system",
        "field_instruction": "instruction",
        "field_input": "input",
        "field_output": "output",
        "format": "{instruction} {input} ",
        "no_input_format": "{instruction} ",
    }


def test_a_row_is_its_prompt_and_the_answer_that_is_trained_and_ends() -> None:
    assert segments({"instruction": "do", "input": "this", "output": "done"}) == [
        Segment("do this ", trained=False),
        Segment("done", trained=True, ends=True),
    ]


def test_the_prompt_is_trained_where_the_config_says_so() -> None:
    row = {"instruction": "do", "input": "this", "output": "done"}
    assert [part.trained for part in segments(row, train_on_inputs=True)] == [True, True]


@pytest.mark.parametrize("row", [{}, {"input": ""}, {"input": None}])
def test_without_an_input_the_other_template_is_used(row: dict[str, Any]) -> None:
    row = {"instruction": "do", **row}
    assert prompt(row) == "do "
    assert prompt(row, no_input_format="just {instruction}:") == "just do:"


def test_fields_have_the_names_that_the_config_gives_them() -> None:
    named = {"field_instruction": "question", "field_input": "context", "field_output": "answer"}
    found = segments(
        {"question": "q", "context": "c", "answer": "a", "input": "x"}, format="[{input}|{instruction}]", **named
    )
    assert [part.text for part in found] == ["[c|q]", "a"]


def test_a_value_that_cannot_be_shown_is_told() -> None:
    value: list[Any] = []
    for _ in range(200_000):
        value = [value]
    with pytest.raises(RowError) as caught:
        segments({"instruction": value, "output": "a"})
    assert caught.value.message == "the field `instruction` is a list that is nested too deep, not text"


def test_a_template_may_have_several_lines_and_other_braces() -> None:
    assert prompt({"instruction": "q", "input": "{c}"}, format="{{x}}\n{input}\n{instruction}") == "{x}\n{c}\nq"


@pytest.mark.parametrize(
    "template", ["{instruction", "input}", "{question}", "{}", "{0}", "{instruction.x}", "{input[0]}"]
)
@pytest.mark.parametrize("key", ["format", "no_input_format"])
def test_a_template_that_cannot_be_filled_is_told_with_what_may_stand_in_it(key: str, template: str) -> None:
    [message] = wrong({key: template})
    assert message.startswith(f"`{key}` is ")
    assert message.endswith("text with {instruction} and {input}, in which other braces are written twice")


@pytest.mark.parametrize("template", ["", "text", "{{", "{instruction}{input}", "{{{instruction}}}", "{input!s:>5}"])
def test_a_template_that_can_be_filled_is_accepted(template: str) -> None:
    assert wrong({"format": template}) == []
    prompt({"instruction": "a", "input": "b"}, format=template)


def test_a_template_with_a_wrong_specification_is_told_by_row() -> None:
    with pytest.raises(RowError, match=r"the template '\{input:q\}' cannot be filled"):
        prompt({"instruction": "a", "input": "b"}, format="{input:q}")


def test_an_unknown_option_is_refused() -> None:
    [message] = wrong({"feild_output": "x"})
    assert message.startswith("`feild_output` is read by nothing")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"instruction": "q"}, "the field `output` is missing (it has `instruction`)"),
        ({"output": "a"}, "the field `instruction` is missing (it has `output`)"),
        ({}, "the field `instruction` is missing (it has no fields)"),
        ({"instruction": 3, "output": "a"}, "the field `instruction` is 3, not text"),
        ({"instruction": "q", "output": None}, "the field `output` is null, not text"),
        ({"instruction": "q", "input": ["x"], "output": "a"}, "the field `input` is ['x'], not text"),
        ({"instruction": "q", "output": ""}, "the field `output` is empty"),
        ({"instruction": "q", "output": " \n"}, "the field `output` is empty"),
    ],
)
def test_a_row_that_does_not_fit_is_told_by_its_field(row: dict[str, Any], message: str) -> None:
    with pytest.raises(RowError) as error:
        segments(row)
    assert error.value.message == message
    assert error.value.remedy
