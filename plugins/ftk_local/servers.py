"""Servers of this machine, each with a keeper; they are known by a variable in the environment of their processes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import psutil

from ftk.plugin import (
    HOST,
    PORT,
    SERVERS,
    Artifact,
    Endpoint,
    Environment,
    Environments,
    Home,
    Interpreter,
    Server,
    files,
)
from ftk_local.address import free_port, url_of
from ftk_local.keeper import SERVER_VARIABLE
from ftk_local.placed import Placed
from ftk_local.processes import stop

KEEPER = "ftk_local.keeper"

POLL = 0.01
"""Seconds between two looks for a keeper that has just been started."""

GRACE = 6.0
"""Seconds that a keeper has to end its server."""


class Servers:
    """The servers of the runs in a folder.

    :param home: the folders of runs and cache.
    :param environments: of this machine.
    """

    def __init__(self, home: Home, environments: Environments) -> None:
        self.home = home
        self.environments = environments

    def start(self, endpoint: Endpoint, environment: Environment, host: str, port: int, key: str | None) -> Server:
        """Start a keeper, which starts the server."""
        port = free_port(host, port)
        log = f"{SERVERS}/{port}.txt"
        run = endpoint.runs[0]
        server = Server(f"{run}-{port}", url_of(host, port), endpoint, key is not None, log, time.time())
        files.write_text(self.home.runs / run / log, "")
        with self.environments.in_use(environment) as interpreter:
            self._keep(server, interpreter, {HOST: host, PORT: str(port)}, key)
        return server

    def _keep(self, server: Server, interpreter: Interpreter, address: Mapping[str, str], key: str | None) -> None:
        folder = self.home.runs / server.endpoint.runs[0]
        here = Placed(folder, self.home.cache, interpreter)
        command = server.endpoint.command
        mark = {SERVER_VARIABLE: json.dumps({"runs_folder": str(self.home.runs), "server": server.to_json()})}
        variables = here.variables({name: _at(value, address) for name, value in command.variables.items()})
        key_variable = str(server.endpoint.key_variable)
        variables.pop(key_variable, None)  # an exported key of another server
        secret = {} if key is None else {key_variable: key}
        argv = [here.text(_at(part, address)) for part in command.argv]
        order = {"argv": argv, "variables": {**variables, **mark, **secret}}
        with (folder / server.log).open("ab") as output:
            keeper = subprocess.Popen(
                [sys.executable, "-P", "-m", KEEPER],
                cwd=folder,
                env={**os.environ, **mark},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                pass_fds=[] if interpreter.lock is None else [interpreter.lock],
                start_new_session=True,
            )
        assert keeper.stdin is not None
        with keeper.stdin as stream:  # not its command line, which everybody can read
            stream.write(json.dumps(order).encode())
        # A process has its environment a moment after its start; before, nobody would find the server.
        while keeper.poll() is None and mark_of(psutil.Process(keeper.pid)) is None:
            time.sleep(POLL)

    def all(self) -> list[Server]:
        """The servers whose processes are there, oldest first."""
        found = {server.id: server for server, _ in self._processes()}
        return sorted(found.values(), key=lambda server: server.since)

    def stop(self, server_id: str) -> None:
        """Ask the keeper to end the server, then end whatever is left of it."""
        stop([process for server, process in self._processes() if server.id == server_id], GRACE)

    def of_run(self, run_id: str) -> Server | None:
        """A server that reads a run."""
        return next((server for server in self.all() if run_id in server.endpoint.runs), None)

    def _processes(self) -> Iterator[tuple[Server, psutil.Process]]:
        for process in psutil.process_iter():
            described = mark_of(process)
            if described and described["runs_folder"] == str(self.home.runs):
                yield Server.from_json(described["server"]), process


def mark_of(process: psutil.Process) -> dict[str, Any] | None:
    """What the environment of a process says of the server that it belongs to; None where it belongs to none."""
    try:
        said = json.loads(process.environ().get(SERVER_VARIABLE, ""))
    except (psutil.Error, ValueError):
        return None
    # A person's own variable may have that name.
    return said if isinstance(said, dict) and {"runs_folder", "server"} <= said.keys() else None


def _at(part: str | Artifact, address: Mapping[str, str]) -> str | Artifact:
    return address.get(part, part) if isinstance(part, str) else part
