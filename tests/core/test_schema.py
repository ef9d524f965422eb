"""Values checked against a JSON schema, with defaults."""

from typing import Any

import pytest

from ftk.config.schema import complete, find_problems
from ftk.config.wording import dotted
from ftk.errors import Problem

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "description": "what to call it"},
        "rank": {"type": "integer", "default": 8, "minimum": 1},
        "rate": {"type": "number", "default": 0.1, "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "steps": {"type": ["integer", "null"], "default": None},
        "kind": {"enum": ["a", "b", None], "default": None},
        "flag": {"type": "boolean"},
        "inner": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"deep": {"type": "object", "properties": {"x": {"default": 1}}}},
        },
        "bare": {"type": "object", "properties": {"y": {"type": "string"}}},
        "items": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "integer"}},
        "choice": {"anyOf": [{"type": "string", "const": "auto"}, {"type": "boolean"}, {"type": "null"}]},
        "gone": {"enum": [None], "description": "it went"},
        "folder_name": {"type": "string"},
        "time": {"type": "string", "pattern": r"^\d+h$", "description": "hours, such as 3h"},
    },
}

DEFAULTS = {"rank": 8, "rate": 0.1, "steps": None, "kind": None, "inner": {"deep": {"x": 1}}}


def messages(value: Any) -> list[str]:
    """What is wrong with a value, one line each."""
    return [str(problem) for problem in find_problems(value, SCHEMA, lambda path: f"f:{dotted(path)}")]


def test_every_default_is_filled_in_and_nothing_else() -> None:
    assert complete({"name": "n"}, SCHEMA) == {"name": "n", **DEFAULTS}


def test_a_value_wins_over_its_default() -> None:
    assert complete({"rank": 4, "inner": {"deep": {"x": 2}}}, SCHEMA) == {
        **DEFAULTS,
        "rank": 4,
        "inner": {"deep": {"x": 2}},
    }


@pytest.mark.parametrize("key", ["rank", "rate", "inner", "bare", "items", "name"])
def test_a_blank_key_is_an_absent_one(key: str) -> None:
    assert complete({key: None}, SCHEMA) == DEFAULTS


def test_a_blank_key_stays_blank_where_that_means_something() -> None:
    schema = {
        "properties": {"kind": {"enum": ["a", None], "default": "a"}, "n": {"type": ["integer", "null"], "default": 1}}
    }
    assert complete({"kind": None, "n": None}, schema) == {"kind": None, "n": None}


def test_a_blank_unknown_key_sets_nothing() -> None:
    assert messages(complete({"name": "n", "strange": None, "inner": {"odd": None}}, SCHEMA)) == []
    assert messages({"name": "n", "strange": 1}) == [
        "f:strange: `strange` is read by nothing that this run uses; remove it, or check how it is written"
    ]


@pytest.mark.parametrize(
    ("key", "text", "number"),
    [("rank", "16", 16), ("rate", "1e-4", 1e-4), ("rate", "2", 2), ("steps", "5", 5), ("rank", 16.0, 16)],
)
def test_a_numeric_text_is_the_number_it_means(key: str, text: Any, number: float) -> None:
    value = complete({key: text}, SCHEMA)[key]
    assert (type(value), value) == (type(number), number)


@pytest.mark.parametrize(("key", "text"), [("rank", "1.5"), ("rank", "many"), ("rate", "nan"), ("rate", "inf")])
def test_other_text_is_no_number(key: str, text: str) -> None:
    assert complete({key: text}, SCHEMA)[key] == text
    assert len(messages({"name": "n", key: text})) == 1


def test_items_of_a_list_are_completed_too() -> None:
    assert complete({"items": ["1", "2"]}, SCHEMA)["items"] == [1, 2]


def test_what_is_whole_has_no_problems() -> None:
    assert messages(complete({"name": "n"}, SCHEMA)) == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rank": "x"}, "f:rank: `rank` is 'x', but must be a whole number"),
        ({"rank": True}, "f:rank: `rank` is true, but must be a whole number"),
        ({"rank": 0}, "f:rank: `rank` is 0, but must be at least 1"),
        ({"rate": 0}, "f:rate: `rate` is 0, but must be more than 0"),
        ({"rate": 1}, "f:rate: `rate` is 1, but must be less than 1"),
        ({"steps": "x"}, "f:steps: `steps` is 'x', but must be a whole number or empty"),
        ({"kind": "c"}, "f:kind: `kind` is 'c', but must be `a` or `b`"),
        ({"flag": "yes"}, "f:flag: `flag` is 'yes', but must be true or false"),
        ({"inner": 3}, "f:inner: `inner` is 3, but must be a mapping of keys"),
        ({"items": []}, "f:items: `items` is [], but must be a list of 1 or more"),
        ({"items": [1, 2, 3]}, "f:items: `items` is [1, 2, 3], but must be a list of 2 at most"),
        ({"items": [1, "x"]}, "f:items[1]: `items[1]` is 'x', but must be a whole number"),
        ({"time": "soon"}, "f:time: `time` is 'soon', but must be hours, such as 3h"),
        ({"items": {"a": [None, False, "x"]}}, "f:items: `items` is {a: [empty, false, 'x']}, but must be a list"),
        ({"choice": "maybe"}, "f:choice: `choice` is 'maybe', but must be `auto` or true or false or empty"),
        ({"gone": "x"}, "f:gone: `gone` is 'x', but must be left out: it went"),
        ({"rank": 16**400}, "f:rank: `rank` is 4.45e+481, but must be less than 9.22e+18"),
        ({"RANK": 4}, "f:RANK: `RANK` is read by nothing that this run uses; did you mean `rank`?"),
        ({"folder": 4}, "f:folder: `folder` is read by nothing that this run uses; did you mean `folder_name`?"),
        ({"rnk": 4}, "f:rnk: `rnk` is read by nothing that this run uses; did you mean `rank`?"),
    ],
)
def test_a_problem_is_told_in_words(values: dict[str, Any], message: str) -> None:
    assert messages({"name": "n", **values}) == [message]


def test_each_missing_key_is_told_once_with_what_it_is() -> None:
    schema = {"required": ["a", "b"], "properties": {"a": {"description": "the first"}}}
    found = list(find_problems({}, schema, lambda path: "f"))
    assert found == [Problem("f", "`a` is missing", "the first"), Problem("f", "`b` is missing")]


def test_all_problems_are_told_at_once() -> None:
    assert len(messages({"rank": 0, "kind": "c", "strange": 1, "odd": 2})) == 5


def test_a_prefix_says_where_the_value_stands() -> None:
    [problem] = find_problems({"x": 1}, {"properties": {"x": {"type": "string"}}}, dotted, ("top", 0))
    assert problem.place == "top[0].x"
