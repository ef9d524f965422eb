"""The hooks of this plugin."""

from collections.abc import Mapping, Sequence

from ftk.plugin import Config, DatasetFormat, Logger, Problem, hookimpl
from ftk_wandb.keys import find_problems
from ftk_wandb.logger import Wandb


@hookimpl
def loggers() -> Sequence[Logger]:
    """The logger of this plugin."""
    return [Wandb()]


@hookimpl
def check(config: Config, formats: Mapping[str, DatasetFormat]) -> Sequence[Problem]:
    """What would keep the chosen logger from working."""
    return list(find_problems(config)) if Wandb.name in config.ftk["loggers"] else []
