"""The process that does a job beside a run, outside its history: `python -m ftk.runs.visit`.

A backend starts it where the run lives; `ftk.runs.visiting` asks for it. It takes no lock of the run, since it changes
nothing but its scratch folder, where it finds its request and leaves its events and its result.
"""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from ftk import files
from ftk.artifacts import Artifact
from ftk.errors import Cancelled, FtkError
from ftk.runs.events import FOLDER as EVENTS_FOLDER
from ftk.runs.failure import told
from ftk.runs.opening import open_run

JOBS: Mapping[str, str] = {
    "endpoint": "ftk.serving.endpoint",
    "generate": "ftk.runs.generation",
    "evaluate": "ftk.runs.held_out",
}
"""Modules by the job that they do: `job(run, manager, scratch, inputs)`, all of it JSON values, is called there."""

REQUEST_FILE = "request.json"
"""In the scratch folder: what the job is given, as `inputs`, and whether a visit that was stopped is gone on with."""

ATTACHED = "attached"
"""The folder in the scratch folder with files that belong to the request."""

RESULT_FILE = "result.json"

FINISHED = "visit_finished"
"""The last event of a visit that was not killed."""

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(arguments: Sequence[str]) -> int:
    """Do one job.

    :param arguments: see `_parse`.
    :returns: 0, or the exit code of what went wrong.
    """
    options = _parse(arguments)
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # until they can be answered
    for number in STOP_SIGNALS:
        signal.signal(number, _stop)
    threading.Thread(target=_end_with_input, daemon=True).start()
    scratch = options.folder / options.scratch
    request = files.read_json(scratch / REQUEST_FILE)
    error = _do(options, request["inputs"])
    if isinstance(error, Cancelled) and not request["resumable"]:
        files.remove(scratch)  # whoever asked may be gone
    return error.exit_code if error else 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ftk.runs.visit")
    parser.add_argument("folder", type=Path, help="the run's folder")
    parser.add_argument("cache", type=Path, help="the cache's folder")
    parser.add_argument("job", choices=JOBS, help="what to do")
    parser.add_argument("scratch", help="the folder in the run with the request")
    return parser.parse_args(arguments)


def _stop(number: int, frame: FrameType | None) -> None:
    raise Cancelled(now=True)


def _end_with_input() -> None:
    """Stop as soon as the standard input ends: then whoever asked for this visit has gone."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _do(options: argparse.Namespace, inputs: dict[str, Any]) -> FtkError | None:
    run, manager = open_run(options.folder, options.cache, f"{options.scratch}/{EVENTS_FOLDER}")
    run.at_stage(options.job)
    error: FtkError | None = None
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        result = import_module(JOBS[options.job]).job(run, manager, Artifact("run", options.scratch), inputs)
        files.write_json(options.folder / options.scratch / RESULT_FILE, result)
    except Exception as caught:
        error = told(caught, run.id)
    code, message, remedy = (error.exit_code, error.message, error.remedy) if error else (0, None, None)
    run.events.emit(FINISHED, code=code, message=message, remedy=remedy)
    return error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
