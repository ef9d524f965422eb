"""The config keys of the logger `wandb`, which are axolotl's, and what can be wrong with them."""

import os
from collections.abc import Iterator, Mapping
from netrc import NetrcParseError, netrc
from typing import Any
from urllib.parse import urlsplit

from ftk.plugin import Config, Problem, Schema

TEXT: Schema = {"type": ["string", "null"]}

KEYS: Mapping[str, Schema] = {
    "use_wandb": {"type": ["boolean", "null"]},
    "wandb_project": TEXT,
    "wandb_entity": TEXT,
    "wandb_name": TEXT,
    "wandb_run_id": TEXT,
    "wandb_mode": {"enum": ["online", "offline", "disabled", None]},
    "wandb_log_model": {"enum": ["checkpoint", "end", "false", False, None]},
    "wandb_watch": {"type": ["string", "boolean", "null"]},
}

ALLOW_VARIABLE = "ALLOW_WANDB"
"""Environment variable that turns this logger on (`true`), or off (`false`) whatever the config says."""

PUBLIC_SERVER = "https://api.wandb.ai"


def mode(config: Mapping[str, Any]) -> str:
    """`online`, `offline` or `disabled`."""
    return str(config.get("wandb_mode") or os.environ.get("WANDB_MODE") or "online")


def is_wanted(config: Mapping[str, Any]) -> bool | None:
    """Whether the config or the environment turns this logger on or off; None where they say nothing."""
    allowed = os.environ.get(ALLOW_VARIABLE, "").lower()
    if config.get("use_wandb") is False or mode(config) == "disabled" or allowed == "false":
        return False
    return bool(config.get("use_wandb") or config.get("wandb_project") or allowed == "true") or None


def find_problems(config: Config) -> Iterator[Problem]:
    """What would keep the logger from working."""
    if config.get("wandb_watch") not in (None, "", "false", False):
        yield Problem(
            config.place(("wandb_watch",)),
            "`wandb_watch` wants histograms from inside the training, which the logger wandb does not see",
            "leave it empty; the norm of the gradients is logged as train/grad_norm",
        )
    # Elsewhere than here, the key may be a secret of that place.
    if config.works_here and mode(config.values) == "online" and not has_api_key():
        yield Problem(
            config.place(("wandb_project",)),
            "the logger wandb has no API key",
            "`wandb login`, or set WANDB_API_KEY; `wandb_mode: offline` needs none; `--logger none` does without, and"
            f" `{ALLOW_VARIABLE}=false` where a key of the config chose it",
        )


def has_api_key() -> bool:
    """Whether this machine has a key for the server."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL") or PUBLIC_SERVER).hostname or ""
    try:
        return netrc(os.environ.get("NETRC")).authenticators(host) is not None
    except (OSError, NetrcParseError):
        return False
