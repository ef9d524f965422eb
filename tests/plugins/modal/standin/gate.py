"""The way of the clients to the stand-in: counts the bytes that they send, and can be closed as if the network were
lost.

Containers don't come this way, so that they work on while a client has no network.
"""

import asyncio
from pathlib import Path


class Gate:
    """Forwards a port of the loopback interface to a socket file.

    :param sent: bytes that clients have sent.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}
        self.port = 0
        self.sent = 0

    async def open(self) -> None:
        """Accept connections; again at the same port after `close`."""
        if self._server is None:
            self._server = await asyncio.start_server(self._forward, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Cut all connections, and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writers in self._connections.values():
            for writer in writers:
                writer.transport.abort()
        if self._connections:
            await asyncio.wait(self._connections)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_unix_connection(str(self._target))
        task = asyncio.current_task()
        assert task
        self._connections[task] = [writer, inner_writer]
        await asyncio.gather(
            self._copy(reader, inner_writer, counted=True), self._copy(inner_reader, writer, counted=False)
        )
        del self._connections[task]

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, counted: bool) -> None:
        try:
            while data := await reader.read(1 << 18):
                self.sent += len(data) if counted else 0
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()
