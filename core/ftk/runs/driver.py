"""The process that takes a run through its stages, beside the run's files: `python -m ftk.runs.driver`.

A backend starts it; terminals only read its events.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from ftk import files
from ftk.config.overrides import parse_set
from ftk.config.resolved import RESOLVED_FILE
from ftk.errors import Cancelled, FtkError, UsageError
from ftk.hooks.manager import Manager
from ftk.hooks.stages import RUN_STAGES
from ftk.loggers.choosing import keys_without_effect
from ftk.loggers.logged import logged, sync
from ftk.runs.evaluation import evaluate
from ftk.runs.events import BEGINNING, SYNCED
from ftk.runs.failure import told
from ftk.runs.opening import changed, open_run
from ftk.runs.pipeline import Pipeline
from ftk.runs.run import Run
from ftk.runs.versions import find_versions

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""SIGTERM: stop after a checkpoint; SIGINT: stop at once."""


def main(arguments: Sequence[str]) -> int:
    """Drive one run.

    :param arguments: see `_parse`.
    :returns: the exit code that `ftk run` ends with too.
    """
    options = _parse(arguments)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in STOP_SIGNALS:
        signal.signal(number, _stop)
    run, manager = open_run(options.folder, options.cache)
    run.events.emit(BEGINNING)
    if options.sync:
        return _sync(run, options.sync)
    try:
        # A backend may start the driver with these held back, so that none comes before it can be answered.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        _drive(run, manager, options)
    except Exception as error:
        return _end(run, told(error, run.id))
    run.events.emit("run_finished", status="finished", code=0, message=None, remedy=None)
    return 0


def _sync(run: Run, loggers: Sequence[str]) -> int:
    word: dict[str, Any] = {"code": 0, "message": None, "remedy": None}
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        sync(run, loggers)
    except Exception as error:
        failed = told(error, run.id)
        word = {"code": failed.exit_code, "message": failed.message, "remedy": failed.remedy}
    run.events.emit(SYNCED, **word)
    return int(word["code"])


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ftk.runs.driver")
    parser.add_argument("folder", type=Path, help="the run's folder")
    parser.add_argument("cache", type=Path, help="the cache's folder")
    parser.add_argument("--from", dest="first", choices=RUN_STAGES, help="do this stage and all later ones again")
    parser.add_argument("--until", choices=RUN_STAGES, default=RUN_STAGES[-1], help="the last stage to do")
    parser.add_argument("--sync", action="append", metavar="LOGGER", help="only send what this logger lacks")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change the config")
    return parser.parse_args(arguments)


def _stop(number: int, frame: FrameType | None) -> None:
    raise Cancelled(now=number == signal.SIGINT)


def _drive(run: Run, manager: Manager, options: argparse.Namespace) -> None:
    try:
        if options.set:
            run.config = changed(run.config, [parse_set(item) for item in options.set], manager)
        pipeline = Pipeline(run, manager, options.until)
        pipeline.refuse_missing()
        pipeline.refuse_stale(options.first, options.set)
    except UsageError as error:
        raise _Refused(error) from None
    # Only now is anything changed: a refused call leaves the run as it was.
    for trouble in manager.troubles():
        run.notice(trouble)
    for sentence in keys_without_effect(run.config, manager):
        run.notice(sentence)
    run.events.emit(
        "run_started",
        id=run.id,
        stages=pipeline.plan(),
        backend=run.config.ftk["backend"],
        versions=find_versions(run.config, pipeline.plan(), manager),
    )
    # The config first: a kill while the old results go leaves none that could be taken for the new config's.
    files.write_text(run.folder / RESOLVED_FILE, run.config.dump())
    if options.first:
        pipeline.redo(options.first)
    with logged(run):
        outcome = pipeline.go()
        if options.until == RUN_STAGES[-1] and run.config.ftk["evaluate"]["rows"]:
            evaluate(run, manager, outcome)


class _Refused(UsageError):
    """The driver was called with what does not fit the run, and has changed nothing."""

    def __init__(self, error: UsageError) -> None:
        super().__init__(error.message, error.remedy)


def _end(run: Run, error: FtkError) -> int:
    remedy = error.remedy or f"`ftk run --resume {run.id}` goes on where it stopped"
    word = {"code": error.exit_code, "message": error.message, "remedy": remedy}
    if isinstance(error, _Refused):
        run.events.emit("run_refused", **word)
    else:
        status = "cancelled" if isinstance(error, Cancelled) else "failed"
        run.events.emit("run_finished", status=status, **word)
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
