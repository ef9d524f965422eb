"""Which secrets containers get: Modal's own by their names, and variables of this machine as a secret of the call.

Their values are in no image, argument, file of a run or event: a secret that is made of variables goes with the call of
a Function, and the driver, which has it in its environment, makes the same for the commands.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ftk.plugin import UsageError
from ftk_modal.troubles import told

if TYPE_CHECKING:
    import modal

VARIABLE = "FTK_MODAL_SECRETS"
"""Tells the driver which secrets its commands get: names only."""


@dataclass(frozen=True)
class Service:
    """Something with a key of access.

    :param key: what it is called.
    :param needed_by: who needs it.
    :param variables: those by which its libraries are given it; the first one is needed.
    :param secrets: usual names of Modal's secrets that hold it.
    :param logger: the logger that needs it; None where it is only taken along.
    """

    key: str
    needed_by: str
    variables: tuple[str, ...]
    secrets: tuple[str, ...]
    logger: str | None = None


SERVICES = (
    Service(
        "hub token", "gated and private models need one", ("HF_TOKEN",), ("huggingface-secret", "my-huggingface-secret")
    ),
    Service(
        "key of W&B",
        "the logger wandb needs one",
        ("WANDB_API_KEY", "WANDB_BASE_URL", "WANDB_ENTITY", "WANDB_MODE"),
        ("wandb-secret", "wandb"),
        "wandb",
    ),
    Service(
        "token of MLflow",
        "the logger mlflow needs one where its server asks for it",
        (
            "MLFLOW_TRACKING_TOKEN",
            "MLFLOW_TRACKING_USERNAME",
            "MLFLOW_TRACKING_PASSWORD",
            "MLFLOW_TRACKING_URI",
        ),
        ("mlflow-secret",),
    ),
)


WITHOUT_KEY = ("offline", "disabled")
"""Values of `wandb_mode`, or of WANDB_MODE where that is not set, with which nothing is sent."""


@dataclass(frozen=True)
class Secrets:
    """The secrets of a call.

    :param named: Modal's, by name.
    :param variables: names of variables in this process's environment.
    """

    named: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()

    @classmethod
    def of_driver(cls) -> "Secrets":
        """Those that the driver was told of."""
        found = json.loads(os.environ.get(VARIABLE) or "{}")
        return cls(tuple(found.get("named", ())), tuple(found.get("variables", ())))

    def told(self) -> dict[str, str]:
        """The variables that tell the driver of them."""
        return {VARIABLE: json.dumps({"named": self.named, "variables": self.variables})}

    def made(self) -> "list[modal.Secret]":
        """The secrets for a call."""
        import modal

        values: dict[str, str | None] = {name: os.environ[name] for name in self.variables if name in os.environ}
        return [*map(modal.Secret.from_name, self.named), *([modal.Secret.from_dict(values)] if values else [])]


def find_secrets(settings: Mapping[str, Any], keys: Mapping[str, Any], logged: bool = True) -> Secrets:
    """The secrets of a run.

    :param settings: the config's `ftk` block.
    :param keys: the whole config.
    :param logged: whether its loggers will work.
    :raises UsageError: where one is missing that was named, or that a chosen logger cannot do without.
    """
    given: Sequence[str] = settings["modal"]["secrets"]  # of which one may hold any key
    named, variables = list(given), list(settings["modal"]["variables"])
    absent = [name for name in variables if name not in os.environ]
    if absent:
        raise UsageError(f"{', '.join(absent)} of `ftk.modal.variables` is not set", "`export` it, or remove it there")
    there = existing({*named, *(name for service in SERVICES for name in service.secrets)})
    if unknown := [name for name in named if name not in there]:
        raise UsageError(
            f"Modal has no secret {unknown[0]!r}", f"`modal secret create {unknown[0]} NAME=VALUE` makes it"
        )
    for service in SERVICES:
        local = [name for name in service.variables if os.environ.get(name)]
        known = [name for name in service.secrets if name in there]
        variables += local
        if service.variables[0] in local:
            continue
        if known:
            named.append(known[0])
        elif logged and not given and service.logger in settings["loggers"] and _sends(keys):
            name = service.variables[0]
            raise UsageError(
                f"the logger {service.logger} needs a key, and there is neither {name} here nor a secret"
                f" {service.secrets[0]!r} at Modal",
                f"`export {name}=...`, or `modal secret create {service.secrets[0]} {name}=...`",
            )
    return Secrets(tuple(dict.fromkeys(named)), tuple(dict.fromkeys(variables)))


def _sends(keys: Mapping[str, Any]) -> bool:
    return (keys.get("wandb_mode") or os.environ.get("WANDB_MODE")) not in WITHOUT_KEY


def existing(names: set[str]) -> set[str]:
    """Those of these secrets that the workspace has."""
    import modal
    import modal.exception

    found = set()
    with told():
        for name in sorted(names):
            try:
                modal.Secret.from_name(name).hydrate()
                found.add(name)
            except modal.exception.NotFoundError:
                continue
    return found
