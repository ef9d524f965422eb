"""What stands before the application: who may ask, for what, how much at once, and for how long."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from ftk_transformers.server.refusals import Refusal

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

HEALTH = "/health"
PATHS = (HEALTH, "/v1/models", "/v1/completions", "/v1/chat/completions", "/")
"""Of transformers' application, without those that load and unload models; and the one of `plain`."""

MOST_DRAINED = 64 << 20
"""Bytes of a refused request that are still read: who is cut off while he sends does not see the answer."""


class Guard:
    """Lets those requests through that are to be answered; a client that goes away ends the work on its request.

    :param app: the application.
    :param key: what requests must have, or None.
    :param most_bytes: larger requests are refused.
    :param most: requests that are let in at once; more are told to come again.
    """

    def __init__(self, app: Application, key: str | None, most_bytes: int, most: int) -> None:
        self._app = app
        self._key = key
        self._most_bytes = most_bytes
        self._most = most
        self._inside = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope.get("path") == HEALTH:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            try:
                body = await self._admitted(scope, receive)
            except Refusal as refusal:
                await refusal.response()(scope, receive, send)
            else:
                if body is not None:
                    await self._pass(scope, body, receive, send)

    async def _admitted(self, scope: Message, receive: Receive) -> bytes | None:
        """The body of a request; None when the client went away.

        :raises Refusal: where it is not to be answered.
        """
        if stranger := self._stranger(scope["path"], dict(scope["headers"])):
            with suppress(Refusal):
                await _read(receive, self._most_bytes)
            raise stranger
        body = await _read(receive, self._most_bytes)
        if self._inside >= self._most:
            raise Refusal(503, f"{self._inside} requests are being answered; ask again in a moment", "overloaded")
        return body

    def _stranger(self, path: str, headers: dict[bytes, bytes]) -> Refusal | None:
        """Why whoever asks gets no answer, whatever the request says; None where he does."""
        given = headers.get(b"authorization", b"")
        if self._key is not None and not hmac.compare_digest(given, b"Bearer " + self._key.encode()):
            return Refusal(401, "the key is missing or wrong: Authorization: Bearer KEY", "invalid_api_key")
        return None if path in PATHS else Refusal(404, f"there is no {path} here", "not_found")

    async def _pass(self, scope: Message, body: bytes, receive: Receive, send: Send) -> None:
        """Have the request answered, unless the client goes away before."""
        gone = asyncio.ensure_future(_gone(receive))
        answer = asyncio.ensure_future(self._app(scope, _replay(body, gone), send))
        self._inside += 1
        try:
            await asyncio.wait((gone, answer), return_when=asyncio.FIRST_COMPLETED)
            answer.cancel()
            await asyncio.gather(answer, return_exceptions=True)
        finally:
            self._inside -= 1
            gone.cancel()
        if not answer.cancelled() and (error := answer.exception()):
            raise error


async def _read(receive: Receive, most: int) -> bytes | None:
    """The body of a request; None when the client went away.

    :raises Refusal: where it has more bytes than `most`; they are read all the same, but not kept.
    """
    body, size, more = bytearray(), 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        size += len(part)
        body += part if size <= most else b""
        more = message.get("more_body", False) and (size <= most or size < MOST_DRAINED)
    if size > most:
        raise Refusal(413, f"the request is larger than {most} bytes", "request_too_large")
    return bytes(body)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _replay(body: bytes, gone: "asyncio.Future[None]") -> Receive:
    """Gives a body that was read already, and then nothing before the client is gone."""
    parts: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if parts:
            return parts.pop()
        await asyncio.shield(gone)
        return {"type": "http.disconnect"}

    return receive
