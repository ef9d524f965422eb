"""The hooks of this plugin."""

from collections.abc import Mapping, Sequence

from ftk.plugin import Config, DatasetFormat, Diagnosis, Logger, Problem, hookimpl
from ftk_wandb.keys import find_problems, has_api_key
from ftk_wandb.logger import Wandb


@hookimpl
def loggers() -> Sequence[Logger]:
    """The logger of this plugin."""
    return [Wandb()]


@hookimpl
def check(config: Config, formats: Mapping[str, DatasetFormat]) -> Sequence[Problem]:
    """What would keep the chosen logger from working."""
    return list(find_problems(config)) if Wandb.name in config.ftk["loggers"] else []


@hookimpl
def diagnose() -> Sequence[Diagnosis]:
    """Whether there is a key."""
    if has_api_key():
        return [Diagnosis("key of W&B", "ok", "there is one")]
    return [
        Diagnosis("key of W&B", "note", "there is none", "the logger wandb needs one: WANDB_API_KEY, or `wandb login`")
    ]
