"""YAML with the line of every key."""

import pytest

from ftk.config.marked_yaml import read_yaml, write_yaml
from ftk.errors import ProblemsFound


def problems_of(text: str) -> list[tuple[str, str]]:
    """The place and message of each problem of a text."""
    with pytest.raises(ProblemsFound) as error:
        read_yaml(text, "c.yml")
    return [(problem.place, problem.message) for problem in error.value.problems]


def test_every_key_and_item_has_its_line() -> None:
    raw = read_yaml("a: 1\nb:\n  - x: 2\n    y: 3\n  - z\n", "c.yml")
    assert raw.values == {"a": 1, "b": [{"x": 2, "y": 3}, "z"]}
    assert [raw.place(path) for path in [("a",), ("b",), ("b", 0, "y"), ("b", 1)]] == [
        "c.yml:1",
        "c.yml:2",
        "c.yml:4",
        "c.yml:5",
    ]


def test_an_absent_key_has_the_place_of_what_is_around_it() -> None:
    raw = read_yaml("a: 1\nb:\n  c: 2\n", "c.yml")
    assert raw.place(("b", "absent", 3)) == "c.yml:2"
    assert raw.place(("absent",)) == "c.yml:1"


def test_an_empty_file_is_an_empty_mapping() -> None:
    assert read_yaml("# nothing\n", "c.yml").values == {}


def test_every_key_that_stands_twice_is_told_with_both_lines() -> None:
    text = "a: 1\nb: {x: 1, x: 2}\na: 2\n"
    assert problems_of(text) == [
        ("c.yml:3", "`a` stands here and in line 1"),
        ("c.yml:2", "`x` stands here and in line 2"),
    ]


def test_a_syntax_error_is_told_with_its_line() -> None:
    [(place, message)] = problems_of("a: 1\nb: [1, 2\nc: 3\n")
    assert place == "c.yml:3"
    assert message.startswith("is no YAML: while parsing a flow sequence")
    assert "\n" not in message


@pytest.mark.parametrize("value", ["!!timestamp 2024-01-01", "0x_", "!!int five", "!!python/object:os.system x"])
def test_a_value_that_cannot_be_built_is_told_with_its_line(value: str) -> None:
    assert [place for place, _ in problems_of(f"a: 1\nb: {value}\n")] == ["c.yml:2"]


def test_a_binary_file_is_told_by_its_character() -> None:
    assert problems_of("a: \x00") == [("c.yml", "is no YAML: it holds the character #x0000 (position 3)")]


def test_two_documents_are_refused() -> None:
    assert [place for place, _ in problems_of("a: 1\n---\nb: 2\n")] == ["c.yml:2"]


def test_aliases_that_unfold_without_end_are_refused() -> None:
    lines = ["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]")
    assert problems_of("\n".join(lines)) == [("c.yml", "is no YAML: its aliases unfold to too many values")]


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: " + "[" * 600])
def test_endless_nesting_is_refused(text: str) -> None:
    assert problems_of(text) == [("c.yml", "is no config: its values are nested without end")]


def test_an_alias_stands_for_its_value() -> None:
    assert read_yaml("a: &x [1, 2]\nb: *x\n", "c.yml").values == {"a": [1, 2], "b": [1, 2]}


@pytest.mark.parametrize(
    ("text", "number"), [("1e-4", 1e-4), ("5E3", 5000.0), ("-1.5e3", -1500.0), (".5e+1", 5.0), ("2.e-1", 0.2)]
)
def test_a_number_with_an_exponent_is_a_number(text: str, number: float) -> None:
    value = read_yaml(f"a: {text}", "c.yml").values["a"]
    assert (type(value), value) == (float, number)


@pytest.mark.parametrize("text", ["e5", "1e", "1e-4x", "'1e-4'"])
def test_what_only_looks_like_one_stays_text(text: str) -> None:
    assert isinstance(read_yaml(f"a: {text}", "c.yml").values["a"], str)


def test_a_merge_key_brings_what_the_mapping_does_not_say_itself() -> None:
    raw = read_yaml("base: &base {x: 1, y: 2}\nown:\n  <<: *base\n  y: 3\n", "c.yml")
    assert raw.values["own"] == {"x": 1, "y": 3}
    assert raw.place(("own", "y")) == "c.yml:4"


def test_a_mapping_with_a_merge_key_can_be_an_alias_itself() -> None:
    raw = read_yaml("a: &a {x: 1}\nb: &b {<<: *a, x: 2}\nc: *b\nd: {<<: *b}\n", "c.yml")
    assert (raw.values["b"], raw.values["c"], raw.values["d"]) == ({"x": 2}, {"x": 2}, {"x": 2})


def test_keys_are_text_as_they_stand() -> None:
    assert list(read_yaml("on: 1\n1: 2\nnull: 3\n", "c.yml").values) == ["on", "1", "null"]


def test_a_key_that_is_no_word_is_refused() -> None:
    assert problems_of("a: 1\n? [x, y]\n: 2\n") == [("c.yml:2", "is no YAML: a key must be a word")]


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text", "42"])
def test_the_top_level_must_be_a_mapping(text: str) -> None:
    assert problems_of(text) == [("c.yml:1", "is no mapping")]


def test_what_is_written_is_read_back() -> None:
    values = {"text": "1e-4", "number": 1e-7, "lines": "a\n  b\n", "on": "off", "none": None, "list": [{"ä": "…"}]}
    assert read_yaml(write_yaml(values), "c.yml").values == values
