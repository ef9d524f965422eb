"""Whether what a plugin brings has all that ftk reads of it, so that what is missing is told with the plugin's name."""

from functools import cache
from inspect import isfunction
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


def find_lack(item: object, kind: type) -> str | None:
    """What an object lacks of a class or protocol: an attribute of the type that is stated there, or a method.

    :returns: the end of a sentence, such as "Format, which has no `name`".
    """
    owner = type(item).__name__
    for name, types in _attributes(kind).items():
        try:
            value = getattr(item, name)
        except Exception:  # a property may raise anything
            return f"{owner}, which has no `{name}`"
        if not isinstance(value, types):
            wanted = " or ".join(sorted("None" if one is NoneType else one.__name__ for one in types))
            return f"{owner}, whose `{name}` is {value!r}, not {wanted}"
    method = next((name for name in _methods(kind) if not callable(getattr(item, name, None))), None)
    return f"{owner}, which has no `{method}`" if method else None


@cache
def _attributes(kind: type) -> dict[str, tuple[type, ...]]:
    """The attributes that are stated, each with the types that `isinstance` is asked for."""
    return {name: tuple(map(_type, _choices(hint))) for name, hint in get_type_hints(kind).items()}


def _choices(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _type(hint: Any) -> type:
    origin = get_origin(hint)
    return object if origin is Literal else origin or hint


@cache
def _methods(kind: Any) -> list[str]:
    return [name for name, item in vars(kind).items() if isfunction(item) and not name.startswith("_")]
