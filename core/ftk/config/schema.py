"""Check values against a JSON schema, with defaults filled in and every problem told by its line."""

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from math import isfinite
from typing import Any

from ftk.config.marked_yaml import KeyPath
from ftk.config.wording import LARGEST, dotted, expectation, shown
from ftk.errors import Problem

Schema = Mapping[str, Any]
"""A JSON schema: what a plugin declares for its keys (https://json-schema.org, draft 2020-12)."""

FEW = 4
"""Choices that a person sees at a glance."""

Place = Callable[[KeyPath], str]
"""Names the place of a value for a person, such as `config.yml:12`."""


def complete(value: Any, schema: Schema) -> Any:
    """The value with the schema's defaults filled in and numeric strings turned into the numbers they mean.

    A blank key is an absent one, where its schema does not allow null. Nothing is checked here: what does not fit is
    left as it is.
    """
    if isinstance(value, dict):
        return _complete_mapping(value, schema)
    if isinstance(value, list) and "items" in schema:
        return [complete(item, schema["items"]) for item in value]
    return _as_number(value, schema)


def _complete_mapping(value: dict[str, Any], schema: Schema) -> dict[str, Any]:
    properties: Mapping[str, Schema] = schema.get("properties", {})
    given = {key: item for key, item in value.items() if item is not None or _allows_null(properties.get(key, {}))}
    result = {key: complete(item, properties.get(key, {})) for key, item in given.items()}
    for key, inner in properties.items():
        if key not in result and "default" in inner:
            result[key] = complete(inner["default"], inner)
        elif key not in result and _has_defaults(inner):
            result[key] = complete({}, inner)
    return result


def _allows_null(schema: Schema) -> bool:
    return None in schema["enum"] if "enum" in schema else "null" in _types(schema) or "type" not in schema


def _has_defaults(schema: Schema) -> bool:
    """Whether an absent mapping is made, because something in it has a default."""
    inner = schema.get("properties", {}).values()
    return schema.get("type") == "object" and any("default" in item or _has_defaults(item) for item in inner)


def _as_number(value: Any, schema: Schema) -> Any:
    kinds = _types(schema)
    if isinstance(value, float) and value.is_integer() and "integer" in kinds and "number" not in kinds:
        return int(value)  # such as 1e3
    if not isinstance(value, str) or "string" in kinds or not {"number", "integer"} & set(kinds):
        return value
    for convert in (int, float) if "number" in kinds else (int,):
        try:
            number = convert(value)
        except ValueError:
            continue
        return number if isfinite(number) else value
    return value


def _types(schema: Schema) -> list[str]:
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)


def find_problems(value: Any, schema: Schema, place: Place, prefix: KeyPath = ()) -> Iterator[Problem]:
    """Everything in `value` that breaks `schema`, in the order of the schema's own checks.

    :param place: names the place of a path.
    :param prefix: the path of `value` itself.
    """
    # Imported here since it takes longer than the whole of `ftk --help` may.
    from jsonschema import Draft202012Validator

    yield from _not_finite(value, prefix, place)
    told: set[Problem] = set()
    places = places_in_blocks(schema, prefix)
    for error in Draft202012Validator(dict(schema)).iter_errors(value):
        # There is one error for each missing key, and each one names them all.
        problems = [item for item in _told(error, (*prefix, *error.absolute_path), place, places) if item not in told]
        told.update(problems)
        yield from problems


def _not_finite(value: Any, path: KeyPath, place: Place) -> Iterator[Problem]:
    """Numbers that are none: JSON schemas do not know them, and no comparison with a limit fails for `.nan`."""
    if isinstance(value, Mapping | list):
        for step, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _not_finite(item, (*path, step), place)
    elif isinstance(value, float) and not isfinite(value):
        yield Problem(place(path), f"`{dotted(path)}` is {value}, but must be a finite number")
    elif isinstance(value, int) and abs(value) >= LARGEST:
        yield Problem(place(path), f"`{dotted(path)}` is {shown(value)}, but must be less than {LARGEST:.3g}")


def places_in_blocks(schema: Schema, prefix: KeyPath) -> dict[str, KeyPath]:
    """Where each key below the blocks of a schema stands, or the first of its name."""
    found: dict[str, KeyPath] = {}
    for block, inner in schema.get("properties", {}).items():
        for name in inner.get("properties", {}):
            found.setdefault(name, (*prefix, block, name))
    return found


def _told(error: Any, path: KeyPath, place: Place, places: Mapping[str, KeyPath]) -> Iterator[Problem]:
    key = dotted(path) or "the config"
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        elsewhere = {**places, **error.schema.get("elsewhere", {})}
        for name in sorted(set(error.instance) - set(known)):
            if error.instance[name] is not None:  # a blank key sets nothing
                yield unknown_key((*path, name), known, place, elsewhere.get(name))
    elif error.validator == "required":
        for name in [name for name in error.validator_value if name not in error.instance]:
            inner = error.schema.get("properties", {}).get(name, {})
            yield Problem(place(path), f"`{dotted((*path, name))}` is missing", inner.get("description"))
    else:
        wanted = expectation(error.validator, error.schema, error.message)
        yield Problem(place(path), f"`{key}` is {shown(error.instance)}, but must be {wanted}", _nearest(error))


def unknown_key(path: KeyPath, known: list[str], place: Place, meant: KeyPath | None = None) -> Problem:
    """The problem of a key that nothing reads, with the known one that it may be meant for.

    :param known: names of keys in the same place.
    :param meant: a key of this name that stands elsewhere.
    """
    near = dotted(meant) if meant else _nearest_key(str(path[-1]).lower(), known)
    remedy = f"did you mean `{near}`?" if near else "remove it, or check how it is written"
    return Problem(place(path), f"`{dotted(path)}` is read by nothing that this run uses", remedy)


def _nearest_key(name: str, known: list[str]) -> str | None:
    """The key that is written nearly so, or the only one that begins so."""
    longer = [key for key in known if key.startswith(f"{name}_")]
    return next(iter(get_close_matches(name, known, n=1)), longer[0] if len(longer) == 1 else None)


def _nearest(error: Any) -> str | None:
    """The one of many choices that a misspelt one is meant for."""
    if error.validator != "enum" or not isinstance(error.instance, str) or len(error.validator_value) <= FEW:
        return None
    near = get_close_matches(error.instance, map(str, error.validator_value), n=1)
    return f"did you mean `{near[0]}`?" if near else None
