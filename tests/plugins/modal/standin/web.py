"""Web functions: a port of the loopback interface for each, from which requests go to a container.

Models `web_server`, `asgi_app`, `wsgi_app` and `fastapi_endpoint`, of functions and of classes: a request becomes a
call whose data are streamed both ways, as the service does it, so that answers come piece by piece. With
`requires_proxy_auth` a request needs the headers `Modal-Key` and `Modal-Secret`. Not modelled: websockets, redirects
of slow requests, domains.
"""

import asyncio
import pickle
import socket
from collections.abc import Awaitable, Callable
from itertools import count

from aiohttp import web
from modal_proto import api_pb2

from .calls import Call, Calls
from .changes import Changes

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

ASGI = api_pb2.DATA_FORMAT_ASGI
PIECE = 1 << 20
# Those that belong to a connection, which ends here.
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade"}


class Web:
    """All web functions.

    :param proxy_tokens: pairs of key and secret that requests are let in with, where they need one.
    """

    def __init__(self, calls: Calls, changes: Changes) -> None:
        self._calls, self._changes = calls, changes
        self.proxy_tokens: set[tuple[str, str]] = set()
        self._configs: dict[tuple[str, str], api_pb2.WebhookConfig] = {}
        self._urls: dict[tuple[str, str], str] = {}
        self._runners: list[web.AppRunner] = []
        self._opening: set[asyncio.Task[None]] = set()

    def url(self, function: str, method: str, config: api_pb2.WebhookConfig) -> str:
        """The URL of a function or a method."""
        key = function, method
        self._configs[key] = config
        if key not in self._urls:
            listening = socket.create_server(("127.0.0.1", 0))
            self._urls[key] = f"http://127.0.0.1:{listening.getsockname()[1]}"
            opening = asyncio.create_task(self._open(self._handler(*key), listening))
            self._opening.add(opening)
            opening.add_done_callback(self._opening.discard)
        return self._urls[key]

    async def _open(self, handler: Handler, listening: socket.socket) -> None:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app, access_log=None)
        self._runners.append(runner)
        await runner.setup()
        await web.SockSite(runner, listening).start()

    def _handler(self, function: str, method: str) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            given = (request.headers.get("Modal-Key", ""), request.headers.get("Modal-Secret", ""))
            if self._configs[function, method].requires_proxy_auth and given not in self.proxy_tokens:
                return web.Response(status=401, text="modal-http: missing credentials for proxy authorization")
            call = self._call(function, method, request, await request.read())
            return await self._answer(request, call)

        return handle

    def _call(self, function: str, method: str, request: web.Request, body: bytes) -> Call:
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": request.path,
            "query_string": request.query_string.encode(),
            "headers": [pair for pair in request.raw_headers if pair[0].decode().lower() not in HOP_BY_HOP],
            "client": ("127.0.0.1", 0),
        }
        message = api_pb2.FunctionInput(
            args=pickle.dumps(((scope,), {})), data_format=api_pb2.DATA_FORMAT_PICKLE, method_name=method
        )
        call = self._calls.make(
            function,
            api_pb2.FUNCTION_CALL_TYPE_UNARY,
            api_pb2.FUNCTION_CALL_INVOCATION_TYPE_SYNC,
            [(0, message)],
        )
        numbers = count(1)
        for start in range(0, len(body) or 1, PIECE):
            more = start + PIECE < len(body)
            part = api_pb2.Asgi.HttpRequest(body=body[start : start + PIECE], more_body=more)
            data = api_pb2.Asgi(http_request=part).SerializeToString()
            call.data_in.append(api_pb2.DataChunk(data_format=ASGI, data=data, index=next(numbers)))
        return call

    async def _answer(self, request: web.Request, call: Call) -> web.StreamResponse:
        response: web.StreamResponse | None = None
        seen = 0
        try:
            while True:
                await self._changes.until(lambda sent=seen: len(call.data_out) > sent or call.finished, timeout=3600)
                for chunk in call.data_out[seen:]:
                    seen += 1
                    message = api_pb2.Asgi.FromString(chunk.data)
                    if message.HasField("http_response_start"):
                        response = _begin(message.http_response_start)
                        await response.prepare(request)
                    elif response and message.HasField("http_response_body"):
                        await response.write(message.http_response_body.body)
                        if not message.http_response_body.more_body:
                            return response
                if call.finished and seen == len(call.data_out):
                    return response or _failure(call)
        except ConnectionError:  # whoever asked has gone
            self._calls.cancel(call.inputs)
            return response or web.Response()

    async def close(self) -> None:
        """Serve nothing more."""
        for runner in self._runners:
            await runner.cleanup()


def _failure(call: Call) -> web.Response:
    """The answer to a request whose input has ended without one."""
    output = call.finished[0].output
    if output and output.result.status == api_pb2.GenericResult.GENERIC_STATUS_TERMINATED:
        return web.Response(status=404, text="modal-http: app for invoked web endpoint is stopped")
    return web.Response(status=500, text="modal-http: internal error: the function failed")


def _begin(start: api_pb2.Asgi.HttpResponseStart) -> web.StreamResponse:
    response = web.StreamResponse(status=start.status)
    for name, value in zip(start.headers[::2], start.headers[1::2], strict=True):
        if name.decode().lower() not in HOP_BY_HOP:
            response.headers.add(name.decode(), value.decode())
    return response
