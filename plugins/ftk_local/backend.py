"""The backend for this machine: a run is a folder, its driver and its commands are processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from ftk.plugin import (
    LOG_FILE,
    Accelerator,
    Activity,
    Command,
    Endpoint,
    Environment,
    Environments,
    Home,
    Server,
    Stored,
    UsageError,
    files,
    find_accelerator,
)
from ftk_local.attend import attend
from ftk_local.lock import DESCRIPTOR_VARIABLE, RunLock
from ftk_local.processes import GRACE, LOOK, RUN_VARIABLE, held_back, is_driver, send, stop, workers
from ftk_local.servers import Servers
from ftk_local.supervise import supervise

DRIVER = "ftk.runs.driver"

VISIT = "ftk.runs.visit"


PATIENCE = 10.0
"""Seconds in which a driver that is being started can be told from other processes."""

CHUNK = 1 << 20
"""Bytes that are copied at a time."""


class LocalBackend:
    """Keeps runs as folders of `home.runs` and works on them with processes of this machine.

    :param home: the folders of runs and cache.
    """

    name = "local"
    servers_are_public = False

    def __init__(self, home: Home) -> None:
        self.home = home
        self._environments = Environments(home.environments)
        self._servers = Servers(home, self._environments)

    def create(self, run_id: str, draft: Path) -> None:
        """Copy the draft to its place among the runs, and sweep away what a killed attempt left there."""
        with files.locked(self.home.runs / ".lock"):
            for leftover in self.home.runs.glob(f"*{files.PARTIAL}"):
                files.remove(leftover)
            with files.new_folder(self._folder(run_id)) as partial:
                files.copy_folder(draft, partial)

    def runs(self) -> list[str]:
        """The names of all run folders, oldest first."""
        if not self.home.runs.is_dir():
            return []
        folders = [item for item in self.home.runs.iterdir() if item.suffix != files.PARTIAL]
        return sorted(item.name for item in folders if (item / "resolved.yml").is_file())

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
        """The path, from here where it lies below."""
        full = self._folder(run_id) / path
        here = Path.cwd()
        return str(full.relative_to(here) if full.is_relative_to(here) else full)

    def submit(self, run_id: str, arguments: Sequence[str], config: Mapping[str, Any]) -> None:
        """Start the driver in a session of its own, so that a closed terminal does not reach it."""
        folder = self._folder(run_id)
        lock = self._take(run_id)
        # -P: a file of the person's in the current folder must not take the place of a module.
        # The stop signals are held back in the driver until it can answer them.
        with (folder / LOG_FILE).open("ab") as log, held_back(signal.SIGTERM, signal.SIGINT):
            subprocess.Popen(
                [sys.executable, "-P", "-m", DRIVER, str(folder), str(self.home.cache), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, RUN_VARIABLE: str(folder), DESCRIPTOR_VARIABLE: str(lock.descriptor)},
                pass_fds=[lock.descriptor],
                start_new_session=True,
            )
        lock.hand_over()

    def _take(self, run_id: str) -> RunLock:
        """The run's lock, which the driver and its commands inherit; orphaned commands are stopped first."""
        lock = self._try_lock(run_id)
        if lock is None and self.activity(run_id) == "orphaned":
            stop(workers(self._folder(run_id)), GRACE)
            lock = self._try_lock(run_id)
        if lock is None:
            raise UsageError(f"{run_id} is being worked on", f"`ftk attach {run_id}` shows it")
        return lock

    def _try_lock(self, run_id: str) -> RunLock | None:
        try:
            return RunLock.take(self._folder(run_id))
        except FileNotFoundError:
            raise UsageError(f"{run_id} was removed meanwhile", "`ftk runs` lists the others") from None

    def activity(self, run_id: str) -> Activity:
        """Who holds the run's lock: its driver, or only a command that outlived it."""
        folder = self._folder(run_id)
        if not RunLock.is_held(folder):
            return "idle"
        found = workers(folder)
        # Where none is seen, the driver is just being started, or is another user's.
        return "orphaned" if found and not any(is_driver(process) for process in found) else "working"

    def cancel(self, run_id: str, now: bool) -> None:
        """End the driver, which ends its command in order; or everything that an orphaned run left.

        :raises UsageError: where another user's processes work on the run.
        """
        folder = self._folder(run_id)
        # A driver that is just being started holds the lock before it can be told from other processes.
        until = time.monotonic() + PATIENCE
        while not (found := workers(folder)) and RunLock.is_held(folder):
            if time.monotonic() > until:
                hidden = f"{run_id} is held by a process that this user cannot see"
                raise UsageError(hidden, "cancel it as the user who started it")
            time.sleep(LOOK)
        drivers = [process for process in found if is_driver(process)]
        for driver in drivers:
            send(driver, signal.SIGINT if now else signal.SIGTERM)
        if not drivers:
            stop(found, 0 if now else GRACE)

    def remove(self, run_id: str) -> None:
        """Give the folder a name that no run has, while its lock is held, then remove it."""
        if server := self._servers.of_run(run_id):
            raise UsageError(f"{run_id} is being served", f"`ftk serve --stop {server.id}` ends that")
        lock = self._try_lock(run_id)
        if lock is None:
            raise UsageError(f"{run_id} is being worked on", f"`ftk cancel {run_id}` stops it")
        try:
            files.hide(self._folder(run_id))
        finally:
            lock.hand_over()  # before it goes: on network file systems an open file keeps its folder there
        files.sweep(self._folder(run_id))

    def put(self, run_id: str, path: str, content: bytes) -> None:
        """Write a file of the run."""
        files.write_bytes(self._folder(run_id) / path, content)

    def visit(self, run_id: str, arguments: Sequence[str]) -> int:
        """Start the visit in a session of its own, so that nobody but this process stops it."""
        folder = self._folder(run_id)
        return attend([sys.executable, "-P", "-m", VISIT, str(folder), str(self.home.cache), *arguments], folder)

    def discard(self, run_id: str, path: str) -> None:
        """Remove the folder."""
        files.remove(self._folder(run_id) / path)

    def start_server(
        self, endpoint: Endpoint, environment: Environment, host: str, port: int, key: str | None
    ) -> Server:
        """Start a server with a process that keeps it, in a session of their own."""
        return self._servers.start(endpoint, environment, host, port, key)

    def servers(self) -> Sequence[Server]:
        """The servers of all runs, which nothing is written down about."""
        return self._servers.all()

    def stop_server(self, server_id: str) -> None:
        """End the server, its keeper and whatever they have started."""
        self._servers.stop(server_id)

    def find_problem(self, environment: Environment) -> str | None:
        """What is missing in the environment's interpreter."""
        return self._environments.find_problem(environment)

    def accelerator(self, settings: Mapping[str, Any]) -> Accelerator:
        """This machine's, whatever the config asks for."""
        return find_accelerator()

    def realise(self, environment: Environment, tell: Callable[..., None]) -> None:
        """Build the environment in this machine's cache."""
        self._environments.realise(environment, tell)

    def execute(self, run_id: str, command: Command, environment: Environment, events: str) -> int:
        """Run the command as a process that holds the run's lock too."""
        folder = self._folder(run_id)
        with self._environments.in_use(environment) as python:
            return supervise(folder, self.home.cache, command, folder / events, python)

    def _folder(self, run_id: str) -> Path:
        return self.home.runs / run_id


def _stored(path: Path) -> Stored:
    about = path.stat()
    return Stored(about.st_size, str(about.st_mtime_ns))
