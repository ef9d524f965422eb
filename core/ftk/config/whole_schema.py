"""One JSON schema of the whole config file, of the core and of all installed plugins: for editors."""

from collections.abc import Iterable, Mapping
from typing import Any

from ftk.config.block import block_schema
from ftk.config.schema import Schema
from ftk.data.formats import USER_DEFINED
from ftk.hooks.manager import NO_PROVIDER, Manager
from ftk.hooks.stages import BASE_MODEL, DATASET_KEYS, DATASETS, OUTPUT_DIR, PROVIDED
from ftk.loggers.choosing import logger_keys

REQUIRED = ("base_model", "datasets")


def whole_schema(manager: Manager) -> dict[str, Any]:
    """The schema (draft 2020-12).

    It takes what any of the installed plugins takes; which keys go together in a run is what `ftk validate` tells.
    """
    declared = [("base_model", BASE_MODEL), ("output_dir", OUTPUT_DIR), *_declared(manager)]
    keys: dict[str, list[Schema]] = {}
    for key, schema in declared:
        keys.setdefault(key, []).append(schema)
    properties = {key: _any_of(schemas) for key, schemas in sorted(keys.items())}
    for key in ("datasets", "test_datasets"):
        properties[key] = {**properties.get(key, DATASETS), "items": _data_set(manager)}
    properties["ftk"] = _block(manager)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A config of ftk",
        **_with_blanks(
            {"type": "object", "additionalProperties": False, "required": list(REQUIRED), "properties": properties}
        ),
    }


def _declared(manager: Manager) -> Iterable[tuple[str, Schema]]:
    yield from logger_keys(manager).items()
    for stage in PROVIDED:
        for declaration in manager.declarations(stage).values():
            yield from {**declaration.keys, **declaration.settings}.items()


def _any_of(schemas: list[Schema]) -> Schema:
    """What any of these takes, with the first meaning and default that one of them tells."""
    distinct = [schema for number, schema in enumerate(schemas) if schema not in schemas[:number]]
    if len(distinct) == 1:
        return distinct[0]
    told = {
        name: schema[name] for name in ("default", "description") for schema in reversed(distinct) if name in schema
    }
    return {**told, "anyOf": distinct}


def _data_set(manager: Manager) -> Schema:
    """An entry of `datasets`: its own keys, and the options of all formats."""
    formats = manager.dataset_formats()
    options: dict[str, list[Schema]] = {}
    for name, form in formats.items():
        for key, schema in form.schema.get("properties", {}).items() if name != USER_DEFINED else ():
            options.setdefault(key, []).append(schema)
    names = sorted(name for name in formats if name != USER_DEFINED)
    kinds = [
        {"type": "string", "examples": names},
        *([formats[USER_DEFINED].schema] if USER_DEFINED in formats else ()),
    ]
    described = {key: _any_of(schemas) for key, schemas in options.items()}
    kind = {"description": DATASET_KEYS["type"]["description"], "anyOf": kinds}
    properties = {**described, **DATASET_KEYS, "type": kind}
    return {"type": "object", "required": ["path"], "additionalProperties": False, "properties": properties}


def _block(manager: Manager) -> Schema:
    """The block `ftk`, with the names of the installed plugins."""
    block = block_schema(manager)
    properties = dict(block["properties"])
    stages = properties["stages"]["properties"]
    named = {stage: _one_of(schema, [*manager.declarations(stage)]) for stage, schema in stages.items()}
    named["merge"] = _one_of(stages["merge"], [*manager.declarations("merge"), NO_PROVIDER])
    properties["stages"] = {**properties["stages"], "properties": named}
    properties["engine"] = _one_of(properties["engine"], [*manager.declarations("train")])
    properties["loggers"] = {**properties["loggers"], "items": {"enum": sorted(manager.loggers())}}
    return {**block, "properties": properties}


def _one_of(schema: Schema, names: list[str]) -> Schema:
    return {**{key: value for key, value in schema.items() if key != "type"}, "enum": [*names, None]}


def _or_blank(schema: Schema) -> Schema:
    """The schema for a key that may be blank, which means what leaving it out does."""
    inside = _with_blanks(schema)
    if "anyOf" in inside:
        return {**inside, "anyOf": [*inside["anyOf"], {"type": "null"}]}
    if "enum" in inside:
        return {**inside, "enum": list(dict.fromkeys([*inside["enum"], None]))}
    kinds = inside.get("type")
    if kinds is None:
        return inside
    return {**inside, "type": list(dict.fromkeys([*([kinds] if isinstance(kinds, str) else kinds), "null"]))}


def _with_blanks(schema: Schema) -> Schema:
    """The schema, in which keys of mappings may be blank, but for those that are required."""
    changed: dict[str, Any] = {}
    if "anyOf" in schema:
        changed["anyOf"] = [_with_blanks(item) for item in schema["anyOf"]]
    if "properties" in schema:
        required = schema.get("required", ())
        changed["properties"] = {
            key: _with_blanks(item) if key in required else _or_blank(item)
            for key, item in schema["properties"].items()
        }
    if isinstance(schema.get("items"), Mapping):
        changed["items"] = _with_blanks(schema["items"])
    return {**schema, **changed}
