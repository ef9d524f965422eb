"""One config from file, environment, `--set` and flags, in rising order; every problem told at once with its place."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ftk.accelerator import Kind
from ftk.config.block import block_schema
from ftk.config.marked_yaml import KeyPath, MarkedYaml, read_yaml, write_yaml
from ftk.config.schema import Place, Schema, complete, find_problems
from ftk.config.unread import unread_choices, unread_keys
from ftk.environments.choosing import unknown_names
from ftk.errors import FtkError, Problem, ProblemsFound, UsageError
from ftk.home import Home
from ftk.hooks.loading import DISABLE_VARIABLE, disabled_here, unknown_disabled
from ftk.hooks.manager import NO_PROVIDER, Manager
from ftk.hooks.stages import BASE_MODEL, DATASETS, OUTPUT_DIR, PRETRAINING_DATASET, RUN_STAGES
from ftk.loggers.choosing import choose_loggers, logger_keys, output_problems

ENVIRONMENT = {
    "FTK_BACKEND": ("ftk", "backend"),
    "FTK_ENGINE": ("ftk", "engine"),
    "GPU_CONFIG": ("ftk", "resources", "gpu"),
}
"""Environment variables that set a key of the config."""

CHOICES = ("backend", "engine", "stages", "loggers", "disable_plugins")
"""The parts of the `ftk:` block that choose plugins."""


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


@dataclass(frozen=True)
class Config:
    """A resolved config: checked, with every default filled in.

    :param values: the keys, as resolved.yml has them.
    :param place: names the place of a path for a person.
    """

    values: Mapping[str, Any]
    place: Place = field(repr=False, compare=False, default=lambda path: "resolved.yml")

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a top-level key."""
        return self.values.get(key, default)

    @property
    def ftk(self) -> Mapping[str, Any]:
        """The block that engines never see."""
        block: Mapping[str, Any] = self.values["ftk"]
        return block

    def setting(self, name: str) -> Any:
        """The value of a setting below `ftk:`, by its name with dots; None where there is none."""
        value: Any = self.ftk
        for step in name.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        return value

    def provider(self, stage: str) -> str:
        """Who provides a stage in this run.

        :raises UsageError: where nobody does, which is an error only to whoever asks for it.
        """
        name = self.ftk["engine"] if stage == "train" else self.ftk["stages"].get(stage)
        if name is None:
            raise UsageError(f"no plugin of this run provides {stage}", "`ftk plugins` lists what is installed")
        return str(name)

    @property
    def timeout(self) -> float | None:
        """Seconds that a command may take, from `ftk.resources.timeout`."""
        return _seconds(self.ftk["resources"]["timeout"])

    def dump(self) -> str:
        """The values as YAML."""
        return write_yaml(self.values)


def _seconds(text: str | float | None) -> float | None:
    if text is None or isinstance(text, (int, float)):
        return text
    return float(text.rstrip("smhd")) * {"m": 60, "h": 3600, "d": 86400}.get(text[-1], 1)


def parse_set(text: str) -> Override:
    """The override that `--set` names, such as `lora_r=8` or `datasets.0.path=my.jsonl`.

    :raises UsageError: when there is no `=` or the value is no YAML.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"--set {text}: there is no value", "write --set key=value, such as --set lora_r=8")
    steps = key.strip().replace("[", ".").replace("]", "").split(".")
    path = tuple(int(step) if step.isdigit() else step for step in steps)
    origin = f"--set {key}"
    return Override(path, read_yaml(f"value: {value}", origin).values["value"], origin)


def environment_overrides() -> list[Override]:
    """The keys that environment variables set."""
    return [
        Override(path, os.environ[name], f"the environment variable {name}")
        for name, path in ENVIRONMENT.items()
        if os.environ.get(name)
    ]


def read_config(path: Path) -> MarkedYaml:
    """The content of a config file.

    :raises UsageError: when it cannot be read.
    """
    try:
        return read_yaml(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", "name a YAML file, such as configs/quickstart.yml") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is no text in UTF-8 (byte {error.start})", "save the file as UTF-8") from None


def resolve(raw: MarkedYaml, overrides: Sequence[Override], manager: Manager) -> Config:
    """Apply the overrides, choose the providers, fill in the defaults and check everything.

    :param raw: the file.
    :param overrides: in rising order.
    :raises ProblemsFound: with everything that is wrong.
    """
    values, problems = _apply(raw.values, overrides)
    place = placer(raw, overrides)
    block = block_schema(manager)
    given = values.get("ftk")
    values["ftk"] = complete({} if given is None else given, block)
    problems += find_problems(values["ftk"], block, place, ("ftk",))
    if not _tells_providers(values["ftk"], block):
        raise ProblemsFound(problems)
    chosen, misnamed = _choose(values["ftk"], manager, place)
    loggers, unknown_loggers = choose_loggers(values["ftk"]["loggers"], values, manager, place)
    disabled = (
        *unknown_disabled(values["ftk"]["disable_plugins"], place(("ftk", "disable_plugins"))),
        *unknown_disabled(disabled_here(), f"the environment variable {DISABLE_VARIABLE}"),
    )
    unknown = [*unknown_loggers, *disabled, *unknown_names(values["ftk"]["environments"], manager, place)]
    keys = {**logger_keys(manager), **_keys(chosen, manager)}
    schema = {"type": "object", "properties": keys, "required": ["base_model", "datasets"]}
    checked = complete({key: value for key, value in values.items() if key != "ftk"}, schema)
    # Without all providers nobody knows all the keys, so an unread one would be a false alarm.
    on_gpus = "" if misnamed else _engine_on_gpus(values["ftk"], manager)
    unread = () if misnamed else unread_keys(checked, keys, chosen, manager, place, on_gpus)
    taken = output_problems(checked, manager, place)
    choices = unread_choices(checked, chosen, manager, place)
    problems += [*misnamed, *find_problems(checked, schema, place), *choices, *unread, *unknown, *taken]
    if problems:
        raise ProblemsFound(problems)
    values["ftk"]["loggers"] = loggers
    values["ftk"]["engine"] = chosen["train"]
    values["ftk"]["stages"] = {stage: name for stage, name in chosen.items() if stage != "train"}
    return Config({**checked, "ftk": values["ftk"]}, place)


def named_plugins(raw: MarkedYaml, overrides: Sequence[Override]) -> tuple[list[str], list[str]]:
    """The plugins in single files and the disabled ones that a config names, before anything else of it is understood.

    What does not fit is passed over here, since `resolve` tells it.
    """
    values, _ = _apply(raw.values, overrides)
    block = values.get("ftk")
    lists = [block.get(key) if isinstance(block, dict) else None for key in ("plugins", "disable_plugins")]
    files, disabled = ([item for item in found or [] if isinstance(item, str)] for found in lists)
    return files, disabled


def load_resolved(text: str) -> Config:
    """The config that a run's resolved.yml holds."""
    return Config(read_yaml(text, "resolved.yml").values)


def _apply(values: Mapping[str, Any], overrides: Sequence[Override]) -> tuple[dict[str, Any], list[Problem]]:
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
        if isinstance(target, dict) and target.get(step) is None:
            target[step] = {}
        target = target[step]
    if isinstance(target, list):
        target[int(path[-1])] = value
    else:
        target[str(path[-1])] = value


def placer(raw: MarkedYaml, overrides: Sequence[Override]) -> Place:
    """Names the place of a value: its line in the file, or the override that gives it."""
    origins = {override.path: override.origin for override in overrides}

    def place(path: KeyPath) -> str:
        for length in range(len(path), 0, -1):
            if path[:length] in origins:
                return origins[path[:length]]
        inside = next((origin for inner, origin in origins.items() if inner[: len(path)] == path), None)
        return inside if inside and path and path not in raw.lines else raw.place(path)

    return place


def _tells_providers(given: Any, block: Schema) -> bool:
    """Whether the part of the `ftk:` block that chooses plugins is sound, whatever is wrong beside it."""
    choices = {key: block["properties"][key] for key in CHOICES}
    wrong = find_problems(given, {"type": "object", "properties": choices}, str)
    return next(wrong, None) is None


def _choose(block: Mapping[str, Any], manager: Manager, place: Place) -> tuple[dict[str, str], list[Problem]]:
    named = {"train": block.get("engine"), **(block.get("stages") or {})}
    chosen: dict[str, str] = {}
    problems = []

    def accelerator() -> Kind:
        try:
            return manager.backend(block["backend"], Home.find()).accelerator(block).kind
        except UsageError as error:
            problem = Problem(place(("ftk", "backend")), error.message, error.remedy)
            raise ProblemsFound([problem]) from None

    for stage in (*RUN_STAGES, "generate", "score", "serve"):
        try:
            chosen[stage] = manager.provider(stage, named, accelerator)
        except ProblemsFound:
            raise
        except FtkError as error:
            if stage in ("score", "serve") and named.get(stage) is None:
                continue  # no run needs it
            path = ("ftk", "engine") if stage == "train" else ("ftk", "stages", stage)
            problem = Problem(place(path), error.message, error.remedy)
            problems += [] if problem in problems else [problem]  # several may want what one lacks
    return chosen, problems


def _engine_on_gpus(block: Mapping[str, Any], manager: Manager) -> str:
    """Who would train if the backend were asked for GPUs, of which some hire any."""

    def accelerator() -> Kind:
        backend = manager.backend(block["backend"], Home.find())
        return backend.accelerator({**block, "resources": {"gpu": "any"}}).kind

    return manager.provider("train", {"train": block.get("engine")}, accelerator)


def _keys(chosen: Mapping[str, str], manager: Manager) -> dict[str, Schema]:
    """The top-level keys that the chosen providers read; in a conflict, the earlier stage's schema holds."""
    keys: dict[str, Schema] = {
        "base_model": BASE_MODEL,
        "datasets": DATASETS,
        "pretraining_dataset": PRETRAINING_DATASET,
        "output_dir": OUTPUT_DIR,
    }
    for stage, name in chosen.items():
        if name != NO_PROVIDER:
            declaration = manager.declaration(stage, name)
            keys = {**declaration.keys, **declaration.settings, **keys}
    return keys
