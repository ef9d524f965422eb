"""A backend for ftk: runs live as folders, and processes of this machine work on them.

Another place (a cluster, a cloud, a machine behind ssh) is reached by other means in the same methods: copy the draft
there, read its files, start the driver and the commands there.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

from ftk.plugin import (
    EVENTS_VARIABLE,
    LOG_FILE,
    PYTHON,
    Accelerator,
    Activity,
    Artifact,
    Backend,
    Cancelled,
    Command,
    Endpoint,
    Environment,
    Home,
    Server,
    Stored,
    UsageError,
    files,
    hookimpl,
)

LOCK = ".lock"
"""In a run's folder: held by whoever works on it, driver or command, through an open file that commands inherit."""

DRIVER = "driver.pid"

GRACE = 300.0
"""Seconds in which a command that was asked to stop may write its checkpoint."""


CHUNK = 1 << 20
"""Bytes that are copied at a time."""


class MypluginBackend:
    """Keeps runs as folders of `home.runs`."""

    name = "myplugin"
    servers_are_public = False

    def __init__(self, home: Home) -> None:
        self.home = home

    def create(self, run_id: str, draft: Path) -> None:
        """Copy the draft to its place, which it takes as a whole."""
        with files.new_folder(self._folder(run_id)) as partial:
            shutil.copytree(draft, partial, dirs_exist_ok=True)

    def runs(self) -> list[str]:
        """The names of all run folders, oldest first."""
        return sorted(item.parent.name for item in self.home.runs.glob("*/resolved.yml"))

    def list(self, run_id: str, path: str) -> Sequence[str]:
        """The names in a folder of the run."""
        folder = self._folder(run_id) / path
        return sorted(item.name for item in folder.iterdir()) if folder.is_dir() else []

    def open(self, run_id: str, path: str) -> BinaryIO:
        """A file of the run."""
        return (self._folder(run_id) / path).open("rb")

    def stored(self, run_id: str, path: str) -> Mapping[str, Stored]:
        """The files by their paths, with the times of their last changes."""
        folder = self._folder(run_id)
        top = folder / path
        found = [top] if top.is_file() else sorted(item for item in top.rglob("*") if item.is_file())
        return {item.relative_to(folder).as_posix(): _stored(item) for item in found}

    def fetch(self, run_id: str, path: str, stream: BinaryIO, advance: Callable[[int], None]) -> None:
        """Copy the file."""
        with self.open(run_id, path) as source:
            while chunk := source.read(CHUNK):
                stream.write(chunk)
                advance(len(chunk))

    def describe(self, run_id: str, path: str) -> str:
        """The path."""
        return str(self._folder(run_id) / path)

    def submit(self, run_id: str, arguments: Sequence[str], config: Mapping[str, Any]) -> None:
        """Start the driver in a session of its own, so that a closed terminal does not reach it."""
        folder = self._folder(run_id)
        lock = _lock(folder)
        if lock is None:
            raise UsageError(f"{run_id} is being worked on", f"`ftk attach {run_id}` shows it")
        argv = [sys.executable, "-P", "-m", "ftk.runs.driver", str(folder), str(self.home.cache), *arguments]
        with (folder / LOG_FILE).open("ab") as log:
            driver = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[lock], start_new_session=True
            )
        files.write_text(folder / DRIVER, str(driver.pid))
        os.close(lock)

    def activity(self, run_id: str) -> Activity:
        """Whether anybody holds the lock."""
        lock = _lock(self._folder(run_id))
        if lock is None:
            return "working"
        os.close(lock)
        return "idle"

    def cancel(self, run_id: str, now: bool) -> None:
        """Ask the driver to stop, which stops its command."""
        with suppress(FileNotFoundError, ProcessLookupError):
            driver = int((self._folder(run_id) / DRIVER).read_text())
            os.kill(driver, signal.SIGINT if now else signal.SIGTERM)

    def remove(self, run_id: str) -> None:
        """Remove the folder, unless somebody holds its lock."""
        lock = _lock(self._folder(run_id))
        if lock is None:
            raise UsageError(f"{run_id} is being worked on", f"`ftk cancel {run_id}` stops it")
        files.discard(self._folder(run_id))
        os.close(lock)

    def put(self, run_id: str, path: str, content: bytes) -> None:
        """Write a file of the run."""
        files.write_bytes(self._folder(run_id) / path, content)

    def visit(self, run_id: str, arguments: Sequence[str]) -> int:
        """Run the visit as a process; left early, the block closes its standard input, which ends it."""
        folder = self._folder(run_id)
        argv = [sys.executable, "-P", "-m", "ftk.runs.visit", str(folder), str(self.home.cache), *arguments]
        with (
            (folder / LOG_FILE).open("ab") as log,
            subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True) as visit,
        ):
            return visit.wait()

    def discard(self, run_id: str, path: str) -> None:
        """Remove the folder."""
        files.remove(self._folder(run_id) / path)

    def start_server(
        self, endpoint: Endpoint, environment: Environment, host: str, port: int, key: str | None
    ) -> Server:
        """No server is started."""
        raise UsageError(f"{self.name} starts no servers", "serve the run on a backend that does")

    def servers(self) -> Sequence[Server]:
        """None."""
        return []

    def stop_server(self, server_id: str) -> None:
        """There is none."""

    def find_problem(self, environment: Environment) -> str | None:
        """All commands run in ftk's own interpreter."""
        if environment.locks:
            return f"{self.name} has no environment {environment.name}"
        missing = [module for module in environment.modules if find_spec(module) is None]
        return f"{', '.join(missing)} cannot be imported" if missing else None

    def accelerator(self, settings: Mapping[str, Any]) -> Accelerator:
        """No GPU is used."""
        return Accelerator("cpu")

    def realise(self, environment: Environment, tell: Callable[..., None]) -> None:
        """Nothing is to be made: ftk's own interpreter is there."""

    def execute(self, run_id: str, command: Command, environment: Environment, events: str) -> int:
        """Run the command as a process, and wait for it."""
        folder = self._folder(run_id)
        variables = {name: self._argument(folder, value) for name, value in command.variables.items()}
        variables = {**os.environ, **variables, EVENTS_VARIABLE: str(folder / events)}
        argv = [self._argument(folder, part) for part in command.argv]
        with (folder / LOG_FILE).open("ab") as log:
            process = subprocess.Popen(argv, cwd=folder, env=variables, stdout=log, stderr=log, close_fds=False)
        try:
            return process.wait(command.resources.timeout)
        except (Cancelled, subprocess.TimeoutExpired):
            process.terminate()
            process.wait(GRACE)
            raise

    def _argument(self, folder: Path, part: str | Artifact) -> str:
        if isinstance(part, Artifact):
            return str((folder if part.root == "run" else self.home.cache) / part.path)
        return sys.executable if part == PYTHON else part

    def _folder(self, run_id: str) -> Path:
        return self.home.runs / run_id


def _stored(path: Path) -> Stored:
    about = path.stat()
    return Stored(about.st_size, str(about.st_mtime_ns))


def _lock(folder: Path) -> int | None:
    """The open lock of a run; None while somebody holds it."""
    descriptor = files.open_lock(folder / LOCK)
    for _ in range(5):  # whoever only looks holds it for an instant
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        time.sleep(0.05)
    os.close(descriptor)
    return None


@hookimpl
def backend(name: str, home: Home) -> Backend | None:
    """The backend of this plugin."""
    return MypluginBackend(home) if name == MypluginBackend.name else None
