"""Options that several commands share, and what they stand for."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ftk.backend import Backend
    from ftk.manager import Manager
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


def open_backend(runs_dir: Path | None, backend: str | None) -> "tuple[Backend, Manager]":
    """The backend that the flags or the environment name, and all plugins."""
    from ftk.home import Home
    from ftk.manager import Manager

    manager = Manager.load()
    return manager.backend(backend or os.environ.get("FTK_BACKEND") or "local", Home.find(runs_dir)), manager


def named_run(run: str | None, runs_dir: Path | None, backend: str | None) -> "RunRecord":
    """The run that a command is about: by name, by the beginning of its name, else the newest."""
    from ftk.record import find_run

    return find_run(open_backend(runs_dir, backend)[0], run)
