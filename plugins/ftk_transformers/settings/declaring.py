"""How a setting is declared: one dataclass field holds its name, type, default, JSON schema and meaning."""

from collections.abc import Mapping
from dataclasses import field, fields
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from ftk.plugin import Schema


def setting(kinds: str | list[str], default: Any, meaning: str, **schema: Any) -> Any:
    """A field of a `Settings` group.

    :param kinds: the JSON types that a config may give.
    :param meaning: what the key does, for README.
    :param schema: further parts of its JSON schema.
    """
    declared = {"type": kinds, "default": default, "description": meaning, **schema}
    return field(default=default, metadata={"schema": declared})


def choice(values: list[Any], default: Any, meaning: str) -> Any:
    """One of a few values."""
    return field(default=default, metadata={"schema": {"enum": values, "default": default, "description": meaning}})


def flag(default: bool | None, meaning: str) -> Any:
    """True or false; None where leaving it out means something else than either."""
    return setting("boolean" if default is not None else ["boolean", "null"], default, meaning)


def whole(default: int | None, minimum: int, meaning: str) -> Any:
    """A whole number; None where it may be left out."""
    return setting("integer" if default is not None else ["integer", "null"], default, meaning, minimum=minimum)


def number(default: float | None, meaning: str, **limits: float) -> Any:
    """A number; None where it may be left out."""
    return setting("number" if default is not None else ["number", "null"], default, meaning, **limits)


def texts(meaning: str, *, or_text: bool = False) -> Any:
    """A list of texts, or empty; where `or_text`, a single text too."""
    kinds = ["array", *(["string"] if or_text else []), "null"]
    return setting(kinds, None, meaning, items={"type": "string"})


def mapping(meaning: str, **schema: Any) -> Any:
    """A mapping, or empty."""
    return setting(["object", "null"], None, meaning, **schema)


class Group:
    """Settings that belong together: the base of frozen dataclasses whose fields are named as config keys."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Read a resolved config; one that an earlier ftk resolved may lack keys, which then have their defaults."""
        declared = fields(cls)  # type: ignore[arg-type]
        return cls(**{item.name: config.get(item.name, item.default) for item in declared})

    @classmethod
    def keys(cls) -> "Mapping[str, Schema]":
        """The JSON schema of each key."""
        return {item.name: item.metadata["schema"] for item in fields(cls)}  # type: ignore[arg-type]

    def keys_in_use(self) -> list[str]:
        """The keys whose values are not their defaults."""
        return [item.name for item in fields(self) if getattr(self, item.name) != item.default]  # type: ignore[arg-type]
