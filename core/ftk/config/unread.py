"""Tell of what stands at the top of a config and nothing in its run reads, and who else would read it."""

from collections.abc import Iterator, Mapping
from typing import Any

from ftk.config.block import block_schema
from ftk.config.schema import Place, Schema, places_in_blocks, unknown_key
from ftk.errors import Problem
from ftk.hooks.manager import Manager
from ftk.hooks.stages import PROVIDED


def unread_keys(
    values: Mapping[str, Any],
    read: Mapping[str, Schema],
    chosen: Mapping[str, str],
    manager: Manager,
    place: Place,
    engine_on_gpus: str,
) -> Iterator[Problem]:
    """A problem for each key that would be ignored. A blank one sets nothing, and may stand there.

    :param values: the top-level keys of a config.
    :param read: those that its run reads.
    :param chosen: who provides each stage.
    :param engine_on_gpus: who would train if the backend were asked for GPUs.
    """
    block = block_schema(manager)
    settings = {**places_in_blocks(block, ("ftk",)), **{name: ("ftk", name) for name in block["properties"]}}
    for key in [key for key, value in values.items() if key not in read and value is not None]:
        stage, others = _readers(key, manager)
        if not others:
            yield unknown_key((key,), list(read), place, settings.get(key))
        else:
            choice = "ftk.engine" if stage == "train" else f"ftk.stages.{stage}"
            message = f"`{key}` is read by {' and '.join(others)}, not by {chosen.get(stage, 'nobody')}"
            remedy = f"`{choice}: {' or '.join(others)}`, or remove it"
            if stage == "train" and engine_on_gpus in others:
                remedy = f"`--gpu a100-80gb:2`, since {engine_on_gpus} trains where there are GPUs; {remedy}"
            yield Problem(place((key,)), message, remedy)


def unread_choices(
    values: Mapping[str, Any], chosen: Mapping[str, str], manager: Manager, place: Place
) -> Iterator[Problem]:
    """A problem for each choice that a stage lacks and a later one has, where another provider leaves it to that one.

    :param values: the top-level keys of a config.
    :param chosen: who provides each stage.
    """
    first: dict[str, tuple[str, Schema]] = {}
    for stage, name in chosen.items():
        found = manager.declarations(stage).get(name)
        for key, schema in found.keys.items() if found else ():
            owner, known = first.setdefault(key, (stage, schema))
            others = [other for other, item in manager.declarations(owner).items() if key not in item.keys]
            value = values.get(key)
            if others and value is not None and value in schema.get("enum", ()) and value not in known.get("enum", ()):
                message = f"`{key}: {value}` is left to {name} where {' or '.join(others)} provides {owner}"
                yield Problem(place((key,)), message, f"`ftk.stages.{owner}: {' or '.join(others)}`")


def _readers(key: str, manager: Manager) -> tuple[str, list[str]]:
    """The installed providers that read a key, and the first stage for which some do."""
    for stage in ("train", *PROVIDED):
        found = [name for name, item in manager.declarations(stage).items() if key in {**item.keys, **item.settings}]
        if found:
            return stage, found
    return "", []
