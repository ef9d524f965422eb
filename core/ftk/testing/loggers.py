"""What every logger keeps to, seen by calls as a run makes them."""

import math
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from ftk import files
from ftk.config.resolved import RESOLVED_FILE, Config
from ftk.loggers.logger import LoggedRun, Logger
from ftk.runs.create import CONFIG_FILE
from ftk.testing.checks import Check

ENDINGS = ("finished", "failed", "cancelled", "died")


def write_logged_run(folder: Path) -> LoggedRun:
    """A run as loggers see one, in a new folder that holds nothing else.

    :param folder: is made; its name is the run's id.
    """
    block = {"backend": "none", "engine": "none", "stages": {}, "loggers": []}
    config = Config(
        {"base_model": "org/name", "learning_rate": 2e-4, "datasets": [{"path": "data.jsonl"}], "ftk": block}
    )
    for name in (CONFIG_FILE, RESOLVED_FILE):
        files.write_text(folder / name, config.dump())
    return LoggedRun.open(folder)


def it_has_a_name(logger: Logger) -> str | None:
    """A logger has a name, and says what to install for its libraries."""
    if not isinstance(getattr(logger, "name", None), str) or not logger.name:
        return "it has no `name`: give it the word by which a config chooses it"
    return "it has `modules` but no `remedy`" if logger.modules and not logger.remedy else None


def it_is_asked_of_any_config(logger: Logger) -> str | None:
    """It says of any config whether that asks for it, and is not asked for by one that says nothing."""
    answer = logger.is_wanted({})
    return f"it wants to log a run whose config says nothing: {answer!r}" if answer else None


def it_logs_a_run(logger: Logger) -> str | None:
    """It logs a run from start to end: numbers, also such as are none, and files."""

    def once(run: LoggedRun) -> None:
        _log(logger, run, "finished")

    return _in_a_run(once)


def it_goes_on_with_a_run(logger: Logger) -> str | None:
    """It goes on with a run that ended before, by whatever end, and links to the same place."""

    def twice(run: LoggedRun) -> str | None:
        links = {_log(logger, run, ending) for ending in ENDINGS}
        return f"its links are {', '.join(map(str, links))}" if len(links) > 1 else None

    return _in_a_run(twice)


LOGGER_CHECKS: Sequence[Check[Logger]] = (
    it_has_a_name,
    it_is_asked_of_any_config,
    it_logs_a_run,
    it_goes_on_with_a_run,
)


def _in_a_run(act: Callable[[LoggedRun], str | None]) -> str | None:
    with tempfile.TemporaryDirectory() as folder:
        return act(write_logged_run(Path(folder, "ftk-2026-11-24-19-13-05-0fb0")))


def _log(logger: Logger, run: LoggedRun, ending: str) -> str | None:
    """Log a small run.

    :returns: the link that the logger gives.
    """
    link = logger.run_started(run)
    if link is not None and not isinstance(link, str):
        raise TypeError(f"run_started returned {type(link).__name__}, not text or None")
    logger.log_artifact("config", run.folder / CONFIG_FILE)
    for step in (1, 2):
        logger.log_metrics({"train/loss": 1 / step, "train/grad_norm": math.nan}, step, 1.7e9 + step)
    logger.run_finished(ending)
    return link
