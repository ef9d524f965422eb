"""The block `ftk.modal` of a config, and what of `ftk.resources` becomes an argument of a Function."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ftk.plugin import TIMEOUT, Schema, disabled_here, seconds
from ftk_modal import gpus

RUNS_VARIABLE = "FTK_MODAL_RUNS"
CACHE_VARIABLE = "FTK_MODAL_CACHE"
"""Name the volumes. They are no keys of a config, since `ftk runs` reads none."""

HOURS_24 = 86400
"""Seconds that Modal lets a container work on one input."""

MOST_RETRIES = 10

TEXTS: Schema = {"type": "array", "items": {"type": "string", "minLength": 1}, "default": []}

IMAGE: Schema = {
    "type": "object",
    "additionalProperties": False,
    "description": "changes to the images of commands",
    "properties": {
        "base": {
            "type": ["string", "null"],
            "default": None,
            "description": "an image of a registry in place of Debian; Python is added to it",
        },
        "apt": {**TEXTS, "description": "packages of Debian to add"},
        "pip": {**TEXTS, "description": "Python packages to add to ftk's own interpreter"},
        "commands": {**TEXTS, "description": "commands to run at the end"},
    },
}

SERVE: Schema = {
    "type": "object",
    "additionalProperties": False,
    "description": "servers, whose containers come and go with the requests",
    "properties": {
        "scaledown_window": {
            "type": "integer",
            "minimum": 2,
            "maximum": 3600,
            "default": 300,
            "description": "seconds without a request after which a container goes",
        },
        "min_containers": {
            "type": "integer",
            "minimum": 0,
            "default": 0,
            "description": "containers that stay without any request",
        },
        "max_containers": {"type": "integer", "minimum": 1, "default": 1, "description": "containers at most"},
        "startup_timeout": {
            "type": "integer",
            "minimum": 1,
            "maximum": HOURS_24,
            "default": 900,
            "description": "seconds that loading the model may take",
        },
    },
}

BLOCK: Schema = {
    "type": "object",
    "additionalProperties": False,
    "description": "how runs work in Modal's cloud",
    "properties": {
        "timeout": {
            **TIMEOUT,
            "type": ["number", "string"],
            "default": "24h",
            "description": "how long one container works on a command; another one goes on from the last checkpoint",
        },
        "retries": {
            "type": "integer",
            "minimum": 0,
            "default": MOST_RETRIES,
            "description": "containers that may go on after the first",
        },
        "secrets": {**TEXTS, "description": "Modal's secrets by name, beside those that ftk finds"},
        "variables": {**TEXTS, "description": "environment variables of this machine to bring along as a secret"},
        "volumes": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "default": {},
            "description": "further volumes by the path where they appear, such as `/data: my-volume`",
        },
        "region": {"type": ["string", "array", "null"], "items": {"type": "string"}, "default": None},
        "cloud": {"enum": ["aws", "gcp", "oci", "auto", None], "default": None},
        "environment": {
            "type": ["string", "null"],
            "default": None,
            "description": "the environment of Modal that MODAL_ENVIRONMENT or the profile must name",
        },
        "ephemeral_disk": {
            "type": ["integer", "null"],
            "default": None,
            "description": "MiB of disk of a container, where half a TiB is not enough",
        },
        "driver_memory": {"type": "integer", "minimum": 128, "default": 2048, "description": "MiB of the driver"},
        "image": IMAGE,
        "serve": SERVE,
    },
}


@dataclass(frozen=True)
class Names:
    """The volumes.

    :param runs: holds one folder a run.
    :param cache: models and prepared data.
    """

    runs: str
    cache: str

    @classmethod
    def find(cls) -> "Names":
        """Those of the environment, else the usual ones."""
        return cls(os.environ.get(RUNS_VARIABLE) or "ftk-runs", os.environ.get(CACHE_VARIABLE) or "ftk-cache")


@dataclass(frozen=True)
class Options:
    """What a resolved config says.

    :param block: its `ftk.modal`.
    :param resources: its `ftk.resources`.
    :param disabled: plugins that are not imported, by it or by the environment.
    """

    block: Mapping[str, Any]
    resources: Mapping[str, Any]
    disabled: frozenset[str] = frozenset()

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Options":
        """Those of a config's `ftk` block."""
        disabled = frozenset([*settings["disable_plugins"], *disabled_here()])
        return cls(settings["modal"], settings["resources"], disabled)

    @property
    def gpus(self) -> list[str]:
        """GPUs in Modal's spelling, the most wanted first; none for a CPU."""
        return gpus.named(self.resources.get("gpu"))

    @property
    def volumes(self) -> Mapping[str, str]:
        """Further volumes by the path where they appear."""
        volumes: Mapping[str, str] = self.block["volumes"]
        return volumes

    @property
    def timeout(self) -> int:
        """Seconds that a container works on a command."""
        return round(seconds(self.block["timeout"]))

    def machine(self) -> dict[str, Any]:
        """Arguments of every Function that executes commands, but for its GPUs."""
        memory = self.resources.get("memory")
        given = {
            "cpu": self.resources.get("cpu"),
            "memory": None if memory is None else mebibytes(memory),
            "ephemeral_disk": self.block["ephemeral_disk"],
            "region": self.block["region"],
            "cloud": self.block["cloud"],
        }
        return {name: value for name, value in given.items() if value is not None}


def mebibytes(text: str | float) -> int:
    """What `64GiB` means; a number is MiB."""
    match = re.fullmatch(r"([\d.]+)\s*([MG]i?B)?", str(text))
    assert match is not None  # by the schema
    factor = {"GiB": 1024, "GB": 1e9 / 2**20, "MB": 1e6 / 2**20}.get(match[2] or "", 1)
    return round(float(match[1]) * factor)
