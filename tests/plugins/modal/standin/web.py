"""Web functions: a port of the loopback interface for each, from which requests go to a container.

Models `web_server`, `asgi_app`, `wsgi_app` and `fastapi_endpoint`, of functions and of classes: a request becomes a call whose
data are streamed both ways, as the service does it, so that answers come piece by piece. With `requires_proxy_auth` a
request needs the headers `Modal-Key` and `Modal-Secret`. Not modelled: websockets, redirects of slow requests, domains.
"""

from collections.abc import Awaitable, Callable
from itertools import count

from aiohttp import web
from modal_proto import api_pb2

from .calls import Call, Calls
from .changes import Changes
from .gate import free_port

ASGI = api_pb2.DATA_FORMAT_ASGI
PIECE = 1 << 20
# Those that belong to a connection, which ends here.
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "content-length"}


class Web:
    """All web functions.

    :param proxy_tokens: pairs of key and secret that requests are let in with, where they need one.
    """

    def __init__(self, calls: Calls, changes: Changes) -> None:
        self._calls, self._changes = calls, changes
        self.proxy_tokens: set[tuple[str, str]] = set()
        self._ports: dict[tuple[str, str], int] = {}
        self._configs: dict[tuple[str, str], api_pb2.WebhookConfig] = {}
        self._runners: dict[tuple[str, str], web.AppRunner] = {}

    def url(self, function: str, method: str, config: api_pb2.WebhookConfig) -> str:
        """The URL of a function or a method; it is served from the next `open` on."""
        port = self._ports.setdefault((function, method), 0) or free_port()
        self._ports[function, method], self._configs[function, method] = port, config
        return f"http://127.0.0.1:{port}"

    async def open(self) -> None:
        """Serve the URLs that are not served yet."""
        for key, port in self._ports.items():
            if key not in self._runners:
                app = web.Application(client_max_size=1 << 30)
                app.router.add_route("*", "/{path:.*}", self._handler(*key))
                self._runners[key] = web.AppRunner(app, access_log=None)
                await self._runners[key].setup()
                await web.TCPSite(self._runners[key], "127.0.0.1", port).start()

    def _handler(self, function: str, method: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            given = (request.headers.get("Modal-Key", ""), request.headers.get("Modal-Secret", ""))
            if self._configs[function, method].requires_proxy_auth and given not in self.proxy_tokens:
                return web.Response(status=401, text="modal-http: missing credentials for proxy authorization")
            call = self._call(function, method, request, await request.read())
            return await self._answer(request, call)

        return handle

    def _call(self, function: str, method: str, request: web.Request, body: bytes) -> Call:
        headers = [part for pair in request.raw_headers for part in pair if pair[0].lower() != b"connection"]
        scope = api_pb2.Asgi.Http(
            http_version="1.1",
            method=request.method,
            scheme="http",
            path=request.path,
            query_string=request.query_string.encode(),
            headers=headers,
            client_host="127.0.0.1",
            client_port=0,
        )
        message = api_pb2.FunctionInput(
            args=api_pb2.Asgi(http=scope).SerializeToString(), data_format=ASGI, method_name=method
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
                await self._changes.until(lambda: len(call.data_out) > seen or call.finished, timeout=3600)
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
                    return response or web.Response(status=500, text="modal-http: internal error: the input failed")
        except ConnectionError:
            self._calls.cancel(call.inputs)
            raise

    async def close(self) -> None:
        """Serve nothing more."""
        for runner in self._runners.values():
            await runner.cleanup()


def _begin(start: api_pb2.Asgi.HttpResponseStart) -> web.StreamResponse:
    response = web.StreamResponse(status=start.status)
    for name, value in zip(start.headers[::2], start.headers[1::2], strict=True):
        if name.decode().lower() not in HOP_BY_HOP:
            response.headers.add(name.decode(), value.decode())
    return response
