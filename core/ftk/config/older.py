"""The config of a run, which older plugins may have resolved: upgrading them makes no run another."""

from collections.abc import Mapping, Sequence
from typing import Any

from ftk.config.block import block_schema
from ftk.config.providers import keys_of
from ftk.config.resolved import Config
from ftk.config.schema import Schema, complete
from ftk.hooks.manager import Manager
from ftk.hooks.stages import PROVIDED
from ftk.loggers.choosing import logger_keys


def renewed(config: Config, manager: Manager) -> Config:
    """The config as plugins of today know it.

    What is new in them has its default. A key that nobody knows any more is left out: it was checked when the run was
    made, so it is no mistake.
    """
    keys = _read_keys(config, manager)
    block = block_schema(manager)
    known = {*keys, *(key for stage in PROVIDED for item in _all(stage, manager) for key in item), "ftk"}
    values = {key: value for key, value in config.values.items() if key in known or value is None}
    schema = {"type": "object", "properties": {**keys, "ftk": block}}
    return Config(complete(_allowed(values, schema), schema), config.place)


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


def _all(stage: str, manager: Manager) -> list[dict[str, Schema]]:
    """The keys that each provider of a stage reads."""
    return [{**item.keys, **item.settings} for item in manager.declarations(stage).values()]


def _allowed(value: Any, schema: Schema) -> Any:
    """The value without the keys of mappings that the schema does not allow."""
    if isinstance(value, Mapping):
        properties: Mapping[str, Schema] = schema.get("properties", {})
        is_open = schema.get("additionalProperties") is not False
        return {
            key: _allowed(item, properties.get(key, {})) for key, item in value.items() if is_open or key in properties
        }
    return (
        [_allowed(item, schema["items"]) for item in value] if isinstance(value, list) and "items" in schema else value
    )
