"""Every request that was received, in the order of its coming, kept in a file that tests read.

A line for each: when, from whom, the method, its message in base64, and for uploads and downloads over HTTP the
number of bytes instead.
"""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from modal_proto import api_grpc

CLIENT = "client"
CONTAINER = "container"  # one of them, where it is not known which


class Record:
    """Writes the file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)

    def message(self, caller: str, method: str, message: Message) -> None:
        """A request by gRPC."""
        self._write(caller, method, message=base64.b64encode(message.SerializeToString()).decode())

    def transfer(self, caller: str, method: str, size: int) -> None:
        """A request by HTTP, `size` bytes long."""
        self._write(caller, method, size=size)

    def _write(self, caller: str, method: str, **content: Any) -> None:
        self._file.write(json.dumps({"time": time.time(), "caller": caller, "method": method, **content}) + "\n")


@dataclass(frozen=True)
class Request:
    """A request that was received.

    :param caller: `client`, or the id of a container; `container`, if by HTTP.
    :param method: of the gRPC service, or of HTTP with the beginning of its path: `PUT /blocks`.
    :param message: of gRPC.
    :param size: bytes of an upload or download by HTTP, or of the message.
    """

    time: float
    caller: str
    method: str
    message: Any
    size: int


def read(path: Path) -> Iterator[Request]:
    """The requests in a file."""
    types = {name.rsplit("/")[-1]: handler.request_type for name, handler in _handlers().items()}
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        if "size" in entry:
            yield Request(entry["time"], entry["caller"], entry["method"], None, entry["size"])
        else:
            raw = base64.b64decode(entry["message"])
            message = types[entry["method"]].FromString(raw)
            yield Request(entry["time"], entry["caller"], entry["method"], message, len(raw))


def _handlers() -> Any:
    class Names:
        def __getattr__(self, name: str) -> str:
            return name

    return api_grpc.ModalClientBase.__mapping__(Names())
