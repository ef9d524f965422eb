"""Keys, values and expectations of a config, in the words of a person who writes YAML."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ftk.config.marked_yaml import KeyPath

LARGEST = 2**63
"""What no whole number of a config reaches; the libraries behind it have no room for more."""

TELLING = ("enum", "const", "pattern", "anyOf", "type")
"""The keywords of a choice of several, the one that says most first."""

_TYPE_NAMES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping of keys",
    "null": "empty",
}


def dotted(path: KeyPath) -> str:
    """A path as a person writes it: `datasets[0].type.format`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def shown(value: Any) -> str:
    """A value as YAML has it, on one line."""
    match value:
        case None | bool():
            return {None: "empty", True: "true", False: "false"}[value]
        case int() if abs(value) >= LARGEST:
            return f"{Decimal(value):.2e}"
        case list():
            return f"[{', '.join(map(shown, value))}]"
        case Mapping():
            return f"{{{', '.join(f'{key}: {shown(item)}' for key, item in value.items())}}}"
        case _:
            return repr(value)


def expectation(validator: str, schema: Mapping[str, Any], message: str = "") -> str:
    """What a keyword of a schema wants.

    :param message: the library's own words, for a keyword that is not known here.
    """
    wanted = schema[validator]
    match validator:
        case "type":
            names = [wanted] if isinstance(wanted, str) else wanted
            return " or ".join(_TYPE_NAMES[name] for name in names)
        case "enum":
            given = (choice for choice in wanted if choice is not None)
            choices = dict.fromkeys(choice if isinstance(choice, str) else shown(choice) for choice in given)
            return " or ".join(f"`{choice}`" for choice in choices) or f"left out: {schema['description']}"
        case "const":
            return f"`{wanted}`"
        case "anyOf":
            first = [next((name for name in TELLING if name in choice), "") for choice in wanted]
            told = [expectation(name, choice) for name, choice in zip(first, wanted, strict=True) if name]
            return " or ".join(dict.fromkeys(told))
        case "minimum":
            return f"at least {wanted}"
        case "exclusiveMinimum":
            return f"more than {wanted}"
        case "maximum":
            return f"at most {wanted}"
        case "exclusiveMaximum":
            return f"less than {wanted}"
        case "minLength":
            return "not empty" if wanted == 1 else f"of {wanted} characters or more"
        case "minItems":
            return f"a list of {wanted} or more"
        case "maxItems":
            return f"a list of {wanted} at most"
        case "pattern":
            return str(schema.get("description", f"text like {wanted}"))
        case _:
            return f"otherwise ({message})"
