"""Faults on demand, for calls of clients. Those of containers stay as they are.

Models a token that is refused, slow calls, and calls that fail. That the network is lost is `gate.py`'s.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from grpclib import GRPCError, Status


class Faults:
    """What is wrong at the moment.

    :param token: the id and the secret that are accepted.
    """

    def __init__(self, token: tuple[str, str]) -> None:
        self._token = token
        self.refuse_token = False
        self._delays: dict[str, float] = {}
        self._failures: dict[str, tuple[Status, int]] = {}

    def delay(self, method: str, seconds: float) -> None:
        """Make calls of a method wait before they are answered; `*` is every method."""
        self._delays[method] = seconds

    def fail(self, method: str, status: str, times: int) -> None:
        """Answer the next calls of a method with an error.

        :param status: of gRPC, such as `UNAVAILABLE`.
        """
        self._failures[method] = (Status[status], times)

    async def before(self, method: str, metadata: Mapping[str, Any]) -> None:
        """Do to a call what was asked for."""
        await asyncio.sleep(self._delays.get(method, self._delays.get("*", 0)))
        given = (metadata.get("x-modal-token-id"), metadata.get("x-modal-token-secret"))
        if self.refuse_token or given != self._token:
            raise GRPCError(Status.UNAUTHENTICATED, "Token ID is malformed, or the token was revoked")
        status, times = self._failures.get(method, (Status.OK, 0))
        if times:
            self._failures[method] = (status, times - 1)
            raise GRPCError(status, "a fault that was asked for")
