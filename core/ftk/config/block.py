"""The keys below `ftk:` in a config, which engines never see: the core's own and those of plugins."""

from collections.abc import Mapping

from ftk.backend import HERE
from ftk.config.schema import Schema
from ftk.config.times import TIMEOUT
from ftk.environments.choosing import ENVIRONMENTS
from ftk.hooks.manager import Manager
from ftk.hooks.stages import PROVIDED
from ftk.loggers.choosing import LOGGERS, LOGGING
from ftk.serving.settings import SERVE

EVALUATE: Schema = {
    "type": "object",
    "additionalProperties": False,
    "description": "the summary's questions to the base and the tuned model",
    "properties": {
        "rows": {
            "type": "integer",
            "minimum": 0,
            "maximum": 64,
            "default": 32,
            "description": "rows of each split that both models are asked; 0 for none",
        },
        "samples": {"type": "integer", "minimum": 0, "default": 3, "description": "rows of them that are shown"},
        "max_new_tokens": {"type": "integer", "minimum": 1, "default": 96, "description": "length of an answer"},
    },
}

GPU: Schema = {
    "type": ["string", "array", "null"],
    "items": {"type": "string"},
    "description": "GPUs to hire, such as a100-80gb:2; of a list, the first that is free",
    "default": None,
}

CPU: Schema = {
    "type": ["number", "null"],
    "exclusiveMinimum": 0,
    "description": "cores to hire",
    "default": None,
}

MEMORY: Schema = {
    "type": ["number", "string", "null"],
    "exclusiveMinimum": 0,
    "pattern": r"^\d+(\.\d+)? ?([MG]i?B)?$",
    "description": "memory to hire: MiB, or a number with its unit, such as 64GiB",
    "default": None,
}

CORE_BLOCK: Mapping[str, Schema] = {
    "backend": {"type": "string", "default": HERE, "description": "where runs live and work"},
    "engine": {"type": ["string", "null"], "default": None, "description": "who trains"},
    "environments": ENVIRONMENTS,
    "plugins": {
        "type": "array",
        "items": {"type": "string"},
        "default": [],
        "description": "plugins in single files; they run only with `--trust` or a yes",
    },
    "disable_plugins": {
        "type": "array",
        "items": {"type": "string"},
        "default": [],
        "description": "names of installed plugins to leave out",
    },
    "stages": {
        "type": "object",
        "additionalProperties": False,
        "description": "who does a single stage, where it differs from the default",
        "elsewhere": {"train": ("ftk", "engine")},
        "properties": {
            name: {"type": ["string", "null"], "default": None, "description": f"the plugin that provides {name}"}
            for name in PROVIDED
            if name != "train"
        },
    },
    "resources": {
        "type": "object",
        "additionalProperties": False,
        "description": "what commands need",
        "properties": {"gpu": GPU, "cpu": CPU, "memory": MEMORY, "timeout": TIMEOUT},
    },
    "loggers": LOGGERS,
    "logging": LOGGING,
    "evaluate": EVALUATE,
    "serve": SERVE,
}


def block_schema(manager: Manager) -> Schema:
    """The schema of the whole block."""
    return {
        "type": "object",
        "additionalProperties": False,
        "description": "ftk's own settings, which engines never see",
        "properties": {**CORE_BLOCK, **manager.config_blocks()},
    }
