"""Tell of the top-level keys of a config that nothing in its run reads, and who else would read them."""

from collections.abc import Iterator, Mapping
from typing import Any

from ftk.config.schema import Place, Schema, unknown_key
from ftk.errors import Problem
from ftk.hooks.manager import Manager
from ftk.hooks.stages import PROVIDED


def unread_keys(
    values: Mapping[str, Any], read: Mapping[str, Schema], chosen: Mapping[str, str], manager: Manager, place: Place
) -> Iterator[Problem]:
    """A problem for each key that would be ignored.

    A blank key sets nothing, so that one which another installed provider knows may stand there.

    :param values: the top-level keys of a config.
    :param read: those that its run reads.
    :param chosen: who provides each stage.
    """
    for key in [key for key in values if key not in read]:
        stage, others = _readers(key, manager)
        if not others:
            yield unknown_key((key,), list(read), place)
        elif values[key] is not None:
            choice = "ftk.engine" if stage == "train" else f"ftk.stages.{stage}"
            message = f"`{key}` is read by {' and '.join(others)}, not by {chosen.get(stage, 'nobody')}"
            yield Problem(place((key,)), message, f"`{choice}: {' or '.join(others)}`, or remove it")


def _readers(key: str, manager: Manager) -> tuple[str, list[str]]:
    """The installed providers that read a key, and the first stage for which some do."""
    for stage in ("train", *PROVIDED):
        found = [name for name, item in manager.declarations(stage).items() if key in {**item.keys, **item.settings}]
        if found:
            return stage, found
    return "", []
