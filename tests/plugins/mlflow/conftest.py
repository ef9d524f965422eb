"""A real MLflow server on this machine."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

PATIENCE = 120


class Server:
    """An MLflow server with a database of its own, which can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        database, artifacts = f"sqlite:///{self._folder}/mlflow.db", str(self._folder / "artifacts")
        argv = ["server", "--backend-store-uri", database, "--artifacts-destination", artifacts, "--workers", "1"]
        with (self._folder / "server.txt").open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", *argv, "--host", "127.0.0.1", "--port", str(self.port)],
                env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
                cwd=self._folder,
                stdout=output,
                stderr=output,
                process_group=0,
            )
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            alive = self._process.poll() is None and time.monotonic() < deadline
            assert alive, (self._folder / "server.txt").read_text()
            time.sleep(0.2)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/health", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def stop(self) -> None:
        """Kill it with its workers, as a power cut would."""
        if self._process:
            os.killpg(self._process.pid, 9)
            self._process.wait()
            self._process = None


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that answers."""
    try:
        version("mlflow")  # its client alone, mlflow-skinny, has no server
    except PackageNotFoundError:
        pytest.skip("needs MLflow's server: `pip install mlflow`")
    server = Server(tmp_path_factory.mktemp("mlflow"))
    server.start()
    yield server
    server.stop()
