"""What takes the place of a config file's values: the environment, `--set` and other flags."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ftk.config.marked_yaml import KeyPath, MarkedYaml, read_yaml
from ftk.config.schema import Place
from ftk.errors import Problem, UsageError

ENVIRONMENT = {
    "FTK_BACKEND": ("ftk", "backend"),
    "FTK_ENGINE": ("ftk", "engine"),
    "GPU_CONFIG": ("ftk", "resources", "gpu"),
}
"""Environment variables that set a key of the config."""


@dataclass(frozen=True)
class Override:
    """A value that takes the place of the file's.

    :param path: where it goes.
    :param value: the value.
    :param origin: who says so, for messages, such as `--set lora_r` or `--engine`.
    """

    path: KeyPath
    value: Any
    origin: str

    @property
    def text(self) -> str:
        """What `parse_set` reads as this."""
        return f"{'.'.join(map(str, self.path))}={json.dumps(self.value, ensure_ascii=False)}"


def parse_set(text: str) -> Override:
    """The override that `--set` names, such as `lora_r=8` or `datasets.0.path=my.jsonl`.

    :raises UsageError: when there is no `=` or the value is no YAML.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"--set {text}: there is no value", "write --set key=value, such as --set lora_r=8")
    steps = key.strip().replace("[", ".").replace("]", "").split(".")
    path = tuple(int(step) if step.isdecimal() else step for step in steps)
    origin = f"--set {key}"
    return Override(path, read_value(value, origin), origin)


def read_value(text: str, origin: str) -> Any:
    """The YAML value that an option gives.

    :raises UsageError: when it is no YAML, or goes on with keys of its own.
    """
    values = read_yaml(f"value: {text}", origin).values
    value = values.pop("value")
    if values:
        raise UsageError(f"{origin}: after the value stands `{min(values)}`", "give each key by an option of its own")
    return value


def environment_overrides() -> list[Override]:
    """The keys that environment variables set."""
    return [
        Override(path, os.environ[name], f"the environment variable {name}")
        for name, path in ENVIRONMENT.items()
        if os.environ.get(name)
    ]


def apply(values: Mapping[str, Any], overrides: Sequence[Override]) -> tuple[dict[str, Any], list[Problem]]:
    """A copy of the values with the overrides in it, and a problem for each that has no place there."""
    result = _copy(values)
    problems = []
    for override in overrides:
        try:
            _put(result, override.path, override.value)
        except (LookupError, TypeError, ValueError):
            problems.append(Problem(override.origin, "there is no such place in the config", "check the name"))
    return result, problems


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _put(target: Any, path: KeyPath, value: Any) -> None:
    for step in path[:-1]:
        target = _inner(target, str(step)) if isinstance(target, dict) else target[step]
    if isinstance(target, list):
        target[int(path[-1])] = value
    else:
        target[str(path[-1])] = value


def _inner(mapping: dict[str, Any], key: str) -> Any:
    """What a mapping has by this key; a mapping that is put there, where it has nothing."""
    if mapping.get(key) is None:
        mapping[key] = {}
    return mapping[key]


def _named(path: KeyPath) -> tuple[str, ...]:
    """A path as it is typed: `0` may be the first of a list, or a key."""
    return tuple(map(str, path))


def placer(raw: MarkedYaml, overrides: Sequence[Override]) -> Place:
    """Names the place of a value: its line in the file, or the override that gives it."""
    origins = {_named(override.path): override.origin for override in overrides}

    def place(path: KeyPath) -> str:
        named = _named(path)
        for length in range(len(named), 0, -1):
            if named[:length] in origins:
                return origins[named[:length]]
        inside = next((origin for inner, origin in origins.items() if inner[: len(named)] == named), None)
        return inside if inside and path and path not in raw.lines else raw.place(path)

    return place
