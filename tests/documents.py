"""The parts of README and CONTRIBUTING that are generated: `python tests/documents.py` writes them anew."""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from ftk import pytest_plugin
from ftk.hooks import hookspecs
from ftk.hooks.manager import Manager
from ftk.hooks.stages import PROVIDED

ROOT = Path(__file__).parent.parent


def main() -> None:
    """Write every generated part."""
    for name in ("README.md", "CONTRIBUTING.md"):
        path = ROOT / name
        path.write_text(with_generated(path.read_text()))


def with_generated(text: str) -> str:
    """A document with each part between `<!-- NAME -->` and `<!-- end -->` made anew."""
    for name, generate in (("keys", keys), ("formats", formats), ("hooks", hooks), ("fixtures", fixtures)):
        part = f"<!-- {name} -->\n\n" + "\n".join(generate()) + "\n\n<!-- end -->"
        text = re.sub(rf"<!-- {name} -->(\n.*?<!-- end -->)?", lambda _, part=part: part, text, flags=re.DOTALL)
    return text


def keys() -> Iterator[str]:
    """A line for each top-level key that the default providers read."""
    declared: dict[str, Any] = {}
    manager = Manager.load()
    for stage in PROVIDED:
        declaration = manager.declaration(stage, manager.provider(stage, {}))
        declared = {**declaration.keys, **declaration.settings, **declared}
    yield "| key | values | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for name, schema in sorted(declared.items()):
        default = schema.get("default")
        shown = "" if default is None else f"`{_text(default)}`"
        yield f"| `{name}` | {_values(schema)} | {shown} | {schema.get('description', '')} |"


def _values(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join("empty" if item is None else f"`{_text(item)}`" for item in schema["enum"])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    names = {
        "integer": "whole number",
        "array": "list",
        "boolean": "`true`, `false`",
        "string": "text",
        "null": "empty",
    }
    limits = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {schema[name]}" for name, sign in limits.items() if name in schema]
    return " ".join([" or ".join(names.get(kind, kind) for kind in kinds), ", ".join(bounds)]).strip()


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def formats() -> Iterator[str]:
    """A line for each kind of dataset format: its names, what it is, its options."""
    yield "| `type` | rows | keys beside it, or in it |"
    yield "| --- | --- | --- |"
    groups: dict[tuple[str, str], list[str]] = {}
    for name, form in Manager.load().dataset_formats().items():
        options = ", ".join(f"`{key}`" for key in form.schema.get("properties", {}))
        meaning = (inspect.getdoc(type(form)) or "").split("\n\n")[0]
        groups.setdefault((" ".join(meaning.split()), options), []).append(name)
    for (meaning, options), names in groups.items():
        yield f"| {', '.join(_names(names))} | {meaning} | {options} |"


def _names(names: Iterable[str]) -> Iterator[str]:
    """The names, with those that differ only in their last part as one."""
    for stem, group in groupby(names, lambda name: re.split(r"[.:](?=[^.:]*$)", name)[0]):
        endings = [name.removeprefix(stem) for name in group]
        yield f"`{stem}{endings[0]}`" + "".join(f" `{ending}`" for ending in endings[1:])


def hooks() -> Iterator[str]:
    """Each hook: its exact arguments and result, when it is called, and what they mean."""
    for name, function in vars(hookspecs).items():
        if inspect.isfunction(function) and hasattr(function, "ftk_spec"):
            one = "one provider, chosen" if name in (*PROVIDED, "prepare_tokenizer") else "asked of all plugins"
            yield f"**`{name}{_signature(function)}`** ({one})\n"
            meaning, *fields = re.split(r":(?=param \w+:|returns:)", inspect.getdoc(function) or "")
            yield " ".join(meaning.split()) + "\n"
            for field in fields:
                word, _, text = field.removeprefix("param ").partition(":")
                yield f"- {'returns' if word == 'returns' else f'`{word}`'}: {' '.join(text.split())}"
            yield ""


def fixtures() -> Iterator[str]:
    """A line for each fixture of `ftk.pytest_plugin`."""
    for name, item in vars(pytest_plugin).items():
        if name.startswith("ftk_"):
            yield f"- `{name}`: {(inspect.getdoc(item) or '').splitlines()[0]}"


def _signature(function: Any) -> str:
    return str(inspect.signature(function)).replace("'", "").replace('"', "")


if __name__ == "__main__":
    main()
