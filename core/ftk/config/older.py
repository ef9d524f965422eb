"""The config of a run, which other plugins may have resolved than are here: upgrading them makes no run another."""

from collections.abc import Mapping, Sequence
from typing import Any

from ftk.config.block import block_schema
from ftk.config.providers import keys_of
from ftk.config.resolved import Config
from ftk.config.schema import Schema, complete
from ftk.hooks.manager import Manager
from ftk.hooks.stages import PROVIDED
from ftk.loggers.choosing import logger_keys

Values = Mapping[str, Any]


def renewed(config: Config, manager: Manager) -> Config:
    """The config with the defaults of keys that are new."""
    schema = {"properties": {**_read_keys(config, manager), "ftk": block_schema(manager)}}
    return Config(complete(dict(config.values), schema), config.place)


def forgotten(config: Config, manager: Manager) -> dict[str, Any]:
    """The part of a config that nobody here knows. It was checked when the run was made, so it is no mistake."""
    declared = [item for stage in PROVIDED for item in manager.declarations(stage).values()]
    known: dict[str, Schema] = {key: {} for item in declared for key in (*item.keys, *item.settings)}
    properties = {**known, **_read_keys(config, manager), "ftk": block_schema(manager)}
    return _unknown(config.values, {"additionalProperties": False, "properties": properties})


def _unknown(values: Values, schema: Schema) -> dict[str, Any]:
    properties: Mapping[str, Schema] = schema.get("properties", {})
    is_closed = schema.get("additionalProperties") is False
    found = {}
    for key, value in values.items():
        if key not in properties and is_closed and value is not None:
            found[key] = value
        elif key in properties and isinstance(value, Mapping) and (inner := _unknown(value, properties[key])):
            found[key] = inner
    return found


def without(values: Values, part: Values) -> dict[str, Any]:
    """The values but for a part of them."""
    kept = {key: value for key, value in values.items() if part.get(key) != value or key not in part}
    return {key: without(value, part[key]) if key in part else value for key, value in kept.items()}


def joined(values: Values, part: Values) -> dict[str, Any]:
    """The values with that part in its place again, where nothing else has taken it."""
    result = {**part, **values}
    both = [key for key in part if isinstance(part[key], Mapping) and isinstance(values.get(key), Mapping)]
    return {**result, **{key: joined(values[key], part[key]) for key in both}}


def schemas_of_stage(stage: str, config: Config, manager: Manager) -> dict[str, Schema]:
    """The schemas of what decides a stage's result, by the names of keys and, with `ftk.` before them, of settings.

    :raises FtkError: when its provider is gone.
    """
    declaration = manager.declaration(stage, config.provider(stage))
    keys, block = _read_keys(config, manager), block_schema(manager)
    settings = {f"ftk.{name}": _below(block, name.split(".")) for name in declaration.block}
    return {**{key: keys[key] for key in declaration.keys}, **settings}


def _below(schema: Schema, path: Sequence[str]) -> Schema:
    """The schema of a setting."""
    for step in path:
        schema = schema.get("properties", {}).get(step, {})
    return schema


def _read_keys(config: Config, manager: Manager) -> dict[str, Schema]:
    """The top-level keys that the run reads, as far as its plugins are here."""
    named = {"train": config.ftk.get("engine"), **config.ftk.get("stages", {})}
    chosen = {stage: name for stage, name in named.items() if name in manager.declarations(stage)}
    return {**logger_keys(manager), **keys_of(chosen, manager)}
