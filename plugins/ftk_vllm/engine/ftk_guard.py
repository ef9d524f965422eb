"""Stands before vLLM's application where there is a key, which guards all of it, or requests have a largest size.

vLLM's own key guards the paths below `/v1` alone; `/invocations` and others answer with the model all the same. This
file runs in vLLM's interpreter, which has no ftk.
"""

import hmac
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

HEALTH = "/health"

MOST_DRAINED = 64 << 20
"""Bytes of a refused request that are still read: who is cut off while he sends does not see the answer."""


class Guard:
    """An ASGI middleware, as `--middleware` takes it.

    :param app: vLLM's application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        key, limit = os.environ.get("VLLM_API_KEY"), os.environ.get("FTK_MAX_REQUEST_BYTES")
        self._token = f"Bearer {key}".encode() if key else None
        self._limit = int(limit) if limit else None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        refusal = None if scope["type"] == "lifespan" else self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await _drain(receive)
            await _answer(send, *refusal)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _refusal(self, scope: Message) -> tuple[int, str] | None:
        """Status and message for a request that is not let through."""
        headers = dict(scope["headers"])
        free = scope["path"] == HEALTH or scope.get("method") == "OPTIONS"
        if self._token and not free and not hmac.compare_digest(headers.get(b"authorization", b""), self._token):
            return 401, "the request has no key, or a wrong one"
        if self._limit is None or scope.get("method") != "POST":
            return None
        length = headers.get(b"content-length")
        if length is None:
            return 411, "the request does not say how long it is"
        if int(length) > self._limit:
            return 413, f"the request has more than {self._limit} bytes"
        return None


async def _drain(receive: Receive) -> None:
    read, more = 0, True
    while more and read < MOST_DRAINED:
        message = await receive()
        read += len(message.get("body", b""))
        more = message.get("more_body", False)


async def _answer(send: Send, status: int, message: str) -> None:
    body = b'{"error": {"message": "%s", "code": %d}}' % (message.encode(), status)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
