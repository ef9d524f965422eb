"""Configs that are no YAML, or not what they seem."""

import pytest

QUOTES = "check the indentation, the colons and the quotes around this line"

CASES = {
    "a key twice": ("lora_r: 8\nlora_r: 16\n", "6: `lora_r` stands here and in line 5", "keep one"),
    "a tab": ("ftk:\n\tengine: x\n", "6: is no YAML: while scanning for the next token found character '\\t'", QUOTES),
    "an open quote": ('output_dir: "./out\n', "6: is no YAML: while scanning a quoted scalar", QUOTES),
    "a second document": ("---\nlora_r: 8\n", "5: is no YAML: expected a single document", "a config is one document"),
    "an alias of nothing": ("seed: *nowhere\n", "5: is no YAML: found undefined alias", "needs its `&name` above"),
    "an unknown tag": ("seed: !env SEED\n", "5: is no YAML: could not determine a constructor", "write a plain value"),
    "a tag that would run code": (
        "seed: !!python/object/apply:os.system [touch hacked]\n",
        "5: is no YAML: unknown tag 'tag:yaml.org,2002:python/object/apply:os.system'",
        "write a plain value",
    ),
    "a list as a key": ("? [a, b]\n: 1\n", "5: is no YAML: a key must be a word", "write a plain value"),
    "a merge of no mapping": ("<<: 5\n", "5: is no YAML: `<<` takes mappings only", "write a plain value"),
    "marks of a merge conflict": ("<<<<<<< HEAD\nlora_r: 8\n=======\nlora_r: 16\n", "6: is no YAML: ", QUOTES),
    "two values in a line": ("output_dir: a: b\n", "5: is no YAML: mapping values are not allowed here", QUOTES),
    "a day by its tag": ("seed: !!timestamp 2024-01-02\n", "5: is no YAML: could not determine", "write a plain value"),
    "a number without end": (f"seed: {'9' * 5000}\n", "5: is no YAML: Exceeds the limit", "put it in quotes"),
    "one in hexadecimal": (f"seed: 0x{'f' * 5000}\n", "5: is no YAML: Exceeds the limit", "put it in quotes"),
}

WHOLE = {
    "a list": ("- a\n- b\n", "c.yml:1: is no mapping", "write one `key: value` a line"),
    "a sentence": ("just text\n", "c.yml:1: is no mapping", "write one `key: value` a line"),
    "a value that holds itself": (
        "base_model: &a [*a]\n",
        "c.yml: is no config: its values are nested without end",
        "",
    ),
    "brackets without end": ("a: " + "[" * 5000, "c.yml: is no config: its values are nested without end", ""),
    "too deep an indentation": ("base_model: x\n datasets: y\n", "c.yml:2: is no YAML: mapping values", QUOTES),
    "another encoding": ("seed: 1\n".encode("utf-16"), "c.yml: is no text in UTF-8 (byte 0)", "save the file as UTF-8"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_line_that_is_no_yaml_is_told(drill, config: str, case: str) -> None:
    text, says, remedy = CASES[case]
    drill.write({"c.yml": config + text})
    drill.refused("run", "c.yml", says=f"c.yml:{says}", remedy=remedy)


@pytest.mark.parametrize("case", WHOLE)
def test_a_file_that_is_no_config_is_told(drill, case: str) -> None:
    text, says, remedy = WHOLE[case]
    drill.write({"c.yml": text})
    drill.refused("run", "c.yml", says=says, remedy=remedy, lines=2)


def test_aliases_that_unfold_without_end_are_refused(drill) -> None:
    text = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for name, inner in zip("bcdefghij", "abcdefghi", strict=True):
        text += f"{name}: &{name} [{', '.join(['*' + inner] * 9)}]\n"
    drill.write({"c.yml": text})
    drill.refused("run", "c.yml", says="c.yml: is no YAML: its aliases unfold to too many values")
