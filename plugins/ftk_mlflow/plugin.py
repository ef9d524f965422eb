"""The hooks of this plugin."""

from collections.abc import Sequence

from ftk.plugin import Logger, hookimpl
from ftk_mlflow.logger import MLflow


@hookimpl
def loggers() -> Sequence[Logger]:
    """The logger of this plugin."""
    return [MLflow()]
