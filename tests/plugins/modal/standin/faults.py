"""Faults on demand, for calls of clients and for those of the containers of a Function.

Models a token that is refused, slow calls, and calls that fail. That the network is lost is `gate.py`'s.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from grpclib import GRPCError, Status

from .record import CLIENT


class Faults:
    """What is wrong at the moment.

    :param token: the id and the secret that are accepted of clients.
    """

    def __init__(self, token: tuple[str, str]) -> None:
        self._token = token
        self.refuse_token = False
        self._delays: dict[tuple[str, str], float] = {}
        self._failures: dict[tuple[str, str], tuple[Status, int]] = {}

    def delay(self, source: str, method: str, seconds: float) -> None:
        """Make calls of a method wait before they are answered; `*` is every method.

        :param source: whose calls: `CLIENT`, or a Function's name.
        """
        self._delays[source, method] = seconds

    def fail(self, source: str, method: str, status: str, times: int) -> None:
        """Answer the next calls of a method with an error.

        :param source: whose calls: `CLIENT`, or a Function's name.
        :param status: of gRPC, such as `UNAVAILABLE`.
        """
        self._failures[source, method] = (Status[status], times)

    def left(self, source: str, method: str) -> int:
        """How many calls are still to fail."""
        return self._failures.get((source, method), (Status.OK, 0))[1]

    async def before(self, source: str, method: str, metadata: Mapping[str, Any]) -> None:
        """Do to a call what was asked for."""
        await asyncio.sleep(self._delays.get((source, method), self._delays.get((source, "*"), 0)))
        given = (metadata.get("x-modal-token-id"), metadata.get("x-modal-token-secret"))
        if source == CLIENT and (self.refuse_token or given != self._token):
            raise GRPCError(Status.UNAUTHENTICATED, "Token ID is malformed, or the token was revoked")
        if times := self.left(source, method):
            status, _ = self._failures[source, method]
            self._failures[source, method] = (status, times - 1)
            raise GRPCError(status, "a fault that was asked for")
