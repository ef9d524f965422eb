"""Take files that a config names into it, so that a run has with it all that it needs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ftk.config.marked_yaml import KeyPath
from ftk.config.resolved import Config
from ftk.data.locating import locate
from ftk.data.sources import is_there
from ftk.errors import Problem, ProblemsFound
from ftk.hooks.manager import NO_PROVIDER, Manager
from ftk.hooks.stages import RUN_STAGES

JSON_FILE = {"contentMediaType": "application/json"}
"""In the schema of a key: its text may be the path of a JSON file."""

TEMPLATE_KEY = "chat_template_jinja"
"""The key, of a config or of a data set, whose text may be the path of a file that holds it."""


def inlined(config: Config, folder: Path, manager: Manager) -> dict[str, Any]:
    """The keys that name a JSON file or a template which is there, each with the file's content.

    :param folder: of the config file.
    :raises ProblemsFound: where such a file holds no JSON, or no text.
    """
    named = {key: config.get(key) for key in _json_keys(config, manager)}
    paths = {key: _file(value, folder) for key, value in named.items() if isinstance(value, str)}
    contents = {key: _json(path, config.place((key,))) for key, path in paths.items() if path}
    return {**_templates(config, folder), **contents}


def _templates(config: Config, folder: Path) -> dict[str, Any]:
    """The keys that hold chat templates, in which files have given way to their content."""

    def filled(values: Mapping[str, Any], place: KeyPath) -> dict[str, Any]:
        given = values.get(TEMPLATE_KEY)
        path = _file(given, folder) if isinstance(given, str) and "{" not in given else None
        return {**values, TEMPLATE_KEY: _text(path, config.place((*place, TEMPLATE_KEY)))} if path else dict(values)

    top = {TEMPLATE_KEY: config.get(TEMPLATE_KEY)}
    lists = {key: config.get(key) for key in ("datasets", "test_datasets")}
    found = {
        key: [filled(item, (key, number)) for number, item in enumerate(items)] for key, items in lists.items() if items
    }
    return {**found, **(filled(top, ()) if top[TEMPLATE_KEY] else {})}


def _json_keys(config: Config, manager: Manager) -> list[str]:
    chosen = {stage: config.provider(stage) for stage in RUN_STAGES}
    declarations = [manager.declaration(stage, name) for stage, name in chosen.items() if name != NO_PROVIDER]
    return [key for item in declarations for key, schema in item.keys.items() if schema.items() >= JSON_FILE.items()]


def _file(given: str, folder: Path) -> Path | None:
    """The file that a text is the path of; None where there is no such file."""
    path = locate(given, folder)
    return path if is_there(path) and path.is_file() else None


def _json(path: Path, place: str) -> Any:
    try:
        return json.loads(_text(path, place))
    except ValueError as error:
        raise ProblemsFound([Problem(place, f"{path} is no JSON: {error}", "mend the file")]) from None


def _text(path: Path, place: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ProblemsFound([Problem(place, f"{path}: {error.strerror}", "check its permissions")]) from None
    except UnicodeDecodeError as error:
        message = f"{path} is no text in UTF-8 (byte {error.start})"
        raise ProblemsFound([Problem(place, message, "save the file as UTF-8")]) from None
