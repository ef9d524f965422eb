"""The JSON schema of the whole config, as editors use it."""

import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ftk.config.marked_yaml import read_yaml
from ftk.config.whole_schema import whole_schema
from ftk.hooks.manager import Manager

ROOT = Path(__file__).parent.parent.parent

CONFIG = "base_model: org/name\ndatasets: [{path: rows.jsonl, type: {field_output: answer}}]\n"


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = whole_schema(Manager.load())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def problems(validator: Draft202012Validator, text: str) -> list[str]:
    return [error.message for error in validator.iter_errors(_numbers(read_yaml(text, "c.yml").values))]


def _numbers(value: Any) -> Any:
    """`1e-4` is a number to editors, whose YAML is newer than PyYAML's."""
    if isinstance(value, dict | list):
        return (
            {key: _numbers(item) for key, item in value.items()}
            if isinstance(value, dict)
            else list(map(_numbers, value))
        )
    return float(value) if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?e-?\d+", value) else value


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yml")), ids=lambda path: path.name)
def test_every_config_to_start_from_fits(validator: Draft202012Validator, path: Path) -> None:
    engine = read_yaml(path.read_text(), path.name).values.get("ftk", {}).get("engine")
    if engine and engine not in Manager.load().names():
        pytest.skip(f"the plugin {engine} is not there")
    assert problems(validator, path.read_text()) == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("lorar: 8\n", "'lorar' was unexpected"),
        ("lora_r: many\n", "'many' is not"),
        ("ftk: {engine: zzz}\n", "'zzz' is not one of"),
        ("ftk: {backnd: local}\n", "'backnd' was unexpected"),
        ("ftk: {evaluate: {rows: 1000}}\n", "1000 is greater than the maximum of 64"),
        ("ftk: {stages: {merge: zzz}}\n", "'zzz' is not one of"),
        ("ftk: {loggers: [zzz]}\n", "'zzz' is not one of"),
    ],
)
def test_what_is_wrong_is_marked(validator: Draft202012Validator, more: str, message: str) -> None:
    assert any(message in problem for problem in problems(validator, CONFIG + more))


@pytest.mark.parametrize("more", ["lora_r:\n", "ftk:\n", "ftk: {engine: }\n", "ftk: {stages: {merge: none}}\n"])
def test_blank_keys_fit(validator: Draft202012Validator, more: str) -> None:
    assert problems(validator, CONFIG + more) == []


@pytest.mark.parametrize("text", ["base_model: org/name\n", "base_model:\n" + CONFIG.partition("\n")[2]])
def test_what_every_run_needs_is_required(validator: Draft202012Validator, text: str) -> None:
    assert len(problems(validator, text)) == 1


def test_keys_of_every_engine_are_explained(validator: Draft202012Validator) -> None:
    properties = validator.schema["properties"]
    for engine in Manager.load().declarations("train").values():
        assert set(engine.keys) <= set(properties)
    assert properties["learning_rate"]["description"]
    assert properties["ftk"]["properties"]["evaluate"]["properties"]["rows"]["description"]
