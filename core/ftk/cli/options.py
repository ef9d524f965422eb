"""Options that several commands share, and what they stand for."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ftk.record import RunRecord

F = TypeVar("F", bound=Callable[..., Any])


def place_options(function: F) -> F:
    """Where runs live: `--runs-dir` and `--backend`."""
    runs_dir = click.option(
        "--runs-dir", type=click.Path(path_type=Path), help="Folder of the runs [FTK_RUNS_DIR, else ./runs]."
    )
    backend = click.option("--backend", metavar="NAME", help="Where runs live and work [FTK_BACKEND, else local].")
    return runs_dir(backend(function))


def json_option(function: F) -> F:
    """`--json`, for scripts."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")(function)


def backend_name(named: str | None) -> str:
    """The backend that a flag or the environment names."""
    return named or os.environ.get("FTK_BACKEND") or "local"


def named_run(run: str | None, runs_dir: Path | None, backend: str | None) -> "RunRecord":
    """The run that a command is about: by name, by the beginning of its name, else the newest."""
    from ftk.home import Home
    from ftk.manager import Manager
    from ftk.record import find_run

    return find_run(Manager.load().backend(backend_name(backend), Home.find(runs_dir)), run)
