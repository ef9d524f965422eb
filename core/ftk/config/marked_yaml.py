"""Read YAML and remember the line of every key, so that an error can name its place."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import yaml

from ftk.errors import Problem, ProblemsFound

KeyPath = tuple[str | int, ...]
"""The keys and list positions that lead to a value, from the top of the file."""

MERGE = "tag:yaml.org,2002:merge"
"""The tag of the key `<<`."""

DATE = "tag:yaml.org,2002:timestamp"
"""The tag that YAML 1.1 gives to what looks like a day; no key of a config is one, and JSON knows none."""

BINARY = "tag:yaml.org,2002:binary"
"""The tag of bytes, of which the same is true."""

PLAIN = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
"""The tags of mappings and lists that are nothing else."""

MOST_NODES = 100_000
"""More values than any config has; a file of nested aliases would otherwise grow without end."""


REMEDIES: Mapping[type[yaml.MarkedYAMLError], str] = {
    yaml.composer.ComposerError: "a config is one document, and an alias `*name` needs its `&name` above",
    yaml.constructor.ConstructorError: "write a plain value, or put it in quotes",
}
"""What to do about errors of a kind."""

GENERAL_REMEDY = "check the indentation, the colons and the quotes around this line"


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with two rules of YAML 1.2: `1e-4` is a number, and `2024-07-26` is text."""


class _Dumper(yaml.SafeDumper):
    """Its counterpart, which puts both texts in quotes, for readers of either version."""


_Loader.yaml_implicit_resolvers = {
    first: [rule for rule in rules if rule[0] != DATE]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.yaml_constructors = {
    tag: construct for tag, construct in yaml.SafeLoader.yaml_constructors.items() if tag not in (DATE, BINARY)
}
for _kind in (_Loader, _Dumper):
    _kind.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$"),
        list("-+.0123456789"),
    )


@dataclass
class MarkedYaml:
    """The content of a YAML file.

    :param name: what to call the file in messages.
    :param values: its mapping.
    :param lines: the line, counted from 1, of each key and list item.
    """

    name: str
    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[KeyPath, int] = field(default_factory=dict)

    def place(self, path: KeyPath) -> str:
        """`file:line` of the value at `path`, or of the nearest one around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.name}:{self.lines[path]}" if path in self.lines else self.name


def read_yaml(text: str, name: str) -> MarkedYaml:
    """Parse `text`, whose top level must be a mapping.

    :param name: what to call the file in messages.
    :raises ProblemsFound: with the line of what is no YAML, of every key that stands twice, or of a wrong top level.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        reader = _Reader(loader, MarkedYaml(name))
        values = {} if node is None else reader.value(node, ())
    except yaml.MarkedYAMLError as error:
        raise ProblemsFound([_syntax_problem(error, name)]) from None
    except yaml.reader.ReaderError as error:
        character = f"holds the character #x{error.character:04x} (position {error.position})"
        raise ProblemsFound([Problem(name, f"is no YAML: it {character}", "name a text file")]) from None
    except yaml.YAMLError as error:
        raise ProblemsFound([Problem(name, f"is no YAML: {error}")]) from None
    except RecursionError:
        raise ProblemsFound([Problem(name, "is no config: its values are nested without end")]) from None
    if not isinstance(values, dict):
        reader.problems.append(Problem(f"{name}:1", "is no mapping", "write one `key: value` a line"))
    if reader.problems:
        raise ProblemsFound(reader.problems)
    reader.result.values = values
    return reader.result


def write_yaml(values: Any) -> str:
    """The text from which `read_yaml` reads `values`."""
    text: str = yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return text


def _syntax_problem(error: yaml.MarkedYAMLError, name: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    place = f"{name}:{mark.line + 1}" if mark else name
    what = " ".join(part for part in (error.context, error.problem) if part)
    remedy = next((told for kind, told in REMEDIES.items() if isinstance(error, kind)), GENERAL_REMEDY)
    return Problem(place, f"is no YAML: {what}", remedy)


class _Reader:
    """Builds the values of one document from its nodes and notes their lines."""

    def __init__(self, loader: _Loader, result: MarkedYaml) -> None:
        self.loader = loader
        self.result = result
        self.problems: list[Problem] = []
        self.count = 0

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        self.count += 1
        if self.count > MOST_NODES:
            raise yaml.YAMLError("its aliases unfold to too many values")
        self.result.lines.setdefault(path, node.start_mark.line + 1)
        if not isinstance(node, yaml.ScalarNode) and node.tag not in PLAIN:
            raise yaml.constructor.ConstructorError(None, None, f"unknown tag {node.tag!r}", node.start_mark)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, position)) for position, item in enumerate(node.value)]
        try:
            value = self.loader.construct_object(node, deep=True)
            str(value)  # Python prints no number of more digits, which one in hexadecimal may have
            return value
        except ValueError as error:  # such as a number of 5000 digits
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from None

    def mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        self.tell_duplicates(node)
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        # Merged keys first, so that the lines of own keys, which win, are the ones that stay.
        for key_node, value_node in sorted(node.value, key=lambda pair: pair[0].tag != MERGE):
            if key_node.tag == MERGE:
                merged = {**self.merged(value_node, path), **merged}
                continue
            key = self.key(key_node)
            self.result.lines[(*path, key)] = key_node.start_mark.line + 1
            own[key] = self.value(value_node, (*path, key))
        return {**merged, **own}

    def merged(self, node: yaml.Node, path: KeyPath) -> dict[str, Any]:
        """The keys that `<<` brings; of several mappings, the earlier one wins."""
        result: dict[str, Any] = {}
        for item in reversed(node.value) if isinstance(node, yaml.SequenceNode) else (node,):
            if not isinstance(item, yaml.MappingNode):
                raise yaml.constructor.ConstructorError(None, None, "`<<` takes mappings only", item.start_mark)
            result |= self.value(item, path)
        return result

    def tell_duplicates(self, node: yaml.MappingNode) -> None:
        seen: dict[str, int] = {}
        for key_node, _ in node.value:
            key, line = self.key(key_node), key_node.start_mark.line + 1
            if key in seen and key != "<<":
                place = f"{self.result.name}:{line}"
                problem = Problem(place, f"`{key}` stands here and in line {seen[key]}", "keep one")
                # An alias brings the same mapping here again.
                self.problems += [] if problem in self.problems else [problem]
            seen.setdefault(key, line)

    def key(self, node: yaml.Node) -> str:
        """A mapping's key as text: `1:` and `on:` are names here, not a number and a truth."""
        if not isinstance(node, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "a key must be a word", node.start_mark)
        return cast(str, node.value)
