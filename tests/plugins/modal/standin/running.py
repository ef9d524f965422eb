"""The stand-in as tests see it: started as a process, and driven by its control."""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import boxes, record

TOKEN = ("ak-standin", "as-standin")


@dataclass(frozen=True)
class Standin:
    """A stand-in that runs.

    :param url: for the clients' `MODAL_SERVER_URL`.
    :param control: for `call`.
    :param folder: where it keeps everything.
    """

    url: str
    control: str
    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        """With these in its environment, a client uses the stand-in."""
        return {
            "MODAL_SERVER_URL": self.url,
            "MODAL_TOKEN_ID": TOKEN[0],
            "MODAL_TOKEN_SECRET": TOKEN[1],
            "MODAL_CONFIG_PATH": "/nonexistent",
        }

    def call(self, name: str, /, **arguments: Any) -> Any:
        """Call a method of `control.Control`."""
        request = urllib.request.Request(f"{self.control}/{name}", json.dumps(arguments).encode(), method="POST")
        with urllib.request.urlopen(request) as response:
            return json.load(response)

    def volume(self, name: str) -> Path:
        """The folder of a volume."""
        return self.folder / "volumes" / name

    def requests(self, *methods: str) -> list[record.Request]:
        """The requests received so far; only those of some methods, if any are named."""
        return [one for one in record.read(self.folder / "requests.jsonl") if not methods or one.method in methods]

    def containers(self, function: str = "") -> list[dict[str, Any]]:
        """The containers that run, or those of one function by its name."""
        return [one for one in self.call("containers") if function in ("", one["function"])]

    def calls(self) -> list[dict[str, Any]]:
        """The calls of Functions in the order of their making: the name of each Function, and its number of GPUs."""
        return list(self.call("calls"))

    def output(self, call: str = "") -> str:
        """What containers have printed, or what belongs to one call, by its id."""
        return str(self.call("output", call=call))

    def kill(self, container: str, *, preempted: bool) -> None:
        """Kill all processes of a container. Its inputs are queued again; only with `preempted` for nothing."""
        self.call("kill", container=container, preempted=preempted)

    def interrupt(self, container: str) -> None:
        """Take a container away in order, as a preemption does: it is killed only if it does not end by itself."""
        self.call("interrupt", container=container)

    @contextmanager
    def offline(self) -> Iterator[None]:
        """Clients have no network while the block runs."""
        self.call("network", up=False)
        try:
            yield
        finally:
            self.call("network", up=True)

    @contextmanager
    def refusing_token(self) -> Iterator[None]:
        """The token is not accepted while the block runs."""
        self.call("refuse_token", refused=True)
        try:
            yield
        finally:
            self.call("refuse_token", refused=False)

    def put_secret(self, name: str, **values: str) -> None:
        """Make a secret that has a name."""
        self.call("put_secret", name=name, values=values)

    def delete_secret(self, name: str) -> None:
        """Forget a secret."""
        self.call("delete_secret", name=name)

    def put_proxy_token(self, key: str, secret: str) -> None:
        """Let requests with these into web functions that need some."""
        self.call("put_proxy_token", key=key, secret=secret)

    def images(self) -> list[dict[str, Any]]:
        """The images in the order of their making, with their commands and the output of these."""
        return list(self.call("images"))

    def delay(self, method: str, seconds: float, source: str = record.CLIENT) -> None:
        """Make calls of a method slow; `*` is every method, 0 seconds end it.

        :param source: whose calls: the clients', or those of a Function's containers, by its name.
        """
        self.call("delay", source=source, method=method, seconds=seconds)

    def fail(self, method: str, status: str, times: int = 1, source: str = record.CLIENT) -> None:
        """Answer the next calls of a method with a status of gRPC, such as `UNAVAILABLE`.

        :param source: whose calls: the clients', or those of a Function's containers, by its name.
        """
        self.call("fail", source=source, method=method, status=status, times=times)

    def failures_left(self, method: str, source: str = record.CLIENT) -> int:
        """How many calls are still to fail as `fail` has asked for."""
        return int(self.call("failures_left", source=source, method=method))

    def sent(self) -> int:
        """The bytes that clients have sent so far, all protocols included."""
        return int(self.call("sent"))

    @contextmanager
    def without_background_commits(self) -> Iterator[None]:
        """Volumes are committed on demand alone while the block runs."""
        self.call("commit_in_background", allowed=False)
        try:
            yield
        finally:
            self.call("commit_in_background", allowed=True)

    def holding(self, value: str) -> list[str]:
        """The methods of requests, the files of volumes, images, mounts and blobs, and the output that hold a value.

        Requests that make a secret are left out.
        """
        needle = value.encode()
        found = [
            one.method
            for one in self.requests()
            if one.message is not None
            and one.method != "SecretGetOrCreate"
            and needle in one.message.SerializeToString()
        ]
        return [*found, *self.call("find", value=value)]


@contextmanager
def start(**options: bool) -> Iterator[Standin]:
    """Run a stand-in while the block runs.

    :param options: `rootless`: use a user namespace also for root.
    """
    folder = Path(tempfile.mkdtemp(prefix="standin-"))
    command = [*boxes.outer_command(**options), sys.executable, "-m", "standin", str(folder), *TOKEN]
    process = subprocess.Popen(
        command, env=_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdin and process.stdout
    try:
        about = json.loads(process.stdout.readline() or "{}")
        yield Standin(about["url"], about["control"], folder)
    finally:
        process.stdin.close()
        try:
            process.wait(60)
        finally:
            process.kill()


def _environment() -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MODAL_", "FTK_"))}
    return {**kept, "PYTHONPATH": str(Path(__file__).parent.parent)}
