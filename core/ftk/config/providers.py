"""Who provides the stages of a run, and which top-level keys they read."""

from collections.abc import Mapping
from typing import Any

from ftk.accelerator import Kind
from ftk.config.schema import Place, Schema, find_problems
from ftk.errors import FtkError, Problem, ProblemsFound, UsageError
from ftk.home import Home
from ftk.hooks.manager import NO_PROVIDER, Manager
from ftk.hooks.stages import BASE_MODEL, DATASETS, OUTPUT_DIR, PRETRAINING_DATASET, RUN_STAGES

CHOICES = ("backend", "engine", "stages", "loggers", "disable_plugins")
"""The parts of the `ftk:` block that choose plugins."""


def tells_providers(given: Any, block: Schema) -> bool:
    """Whether the part of the `ftk:` block that chooses plugins is sound, whatever is wrong beside it."""
    choices = {key: block["properties"][key] for key in CHOICES}
    wrong = find_problems(given, {"type": "object", "properties": choices}, str)
    return next(wrong, None) is None


def choose(block: Mapping[str, Any], manager: Manager, place: Place) -> tuple[dict[str, str], list[Problem]]:
    """Who provides each stage, and a problem for each that nobody does.

    :param block: the `ftk:` block.
    :raises ProblemsFound: where the backend cannot say what its machines are.
    """
    named = {"train": block.get("engine"), **(block.get("stages") or {})}
    chosen: dict[str, str] = {}
    problems = []

    def accelerator() -> Kind:
        try:
            return _accelerator(block, manager)
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


def engine_on_gpus(block: Mapping[str, Any], manager: Manager) -> str:
    """Who would train if the backend were asked for GPUs, of which some hire any."""
    asking = {**block, "resources": {"gpu": "any"}}
    return manager.provider("train", {"train": block.get("engine")}, lambda: _accelerator(asking, manager))


def _accelerator(block: Mapping[str, Any], manager: Manager) -> Kind:
    return manager.backend(block["backend"], Home.find()).accelerator(block).kind


def keys_of(chosen: Mapping[str, str], manager: Manager) -> dict[str, Schema]:
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
