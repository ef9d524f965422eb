"""Contents that are too large for a message, moved by HTTP: blobs, and the blocks of volumes.

Models single uploads with the checksum that the client compares, and parts of files for downloads. Not modelled:
uploads in several parts, and URLs that expire.
"""

import hashlib
import socket
from pathlib import Path

from aiohttp import web
from modal_proto import api_pb2

from .errors import not_found
from .ids import new_id
from .record import CLIENT, CONTAINER, Record


class Blobs:
    """A folder of blobs, and one of blocks by their SHA-256.

    :param for_clients: the URL at which clients find it.
    :param for_containers: that of containers.
    """

    def __init__(self, folder: Path, record: Record) -> None:
        self._blobs, self.blocks, self._record = folder / "blobs", folder / "blocks", record
        self.for_clients = self.for_containers = ""
        for one in (self._blobs, self.blocks):
            one.mkdir()
        self._files: dict[str, tuple[Path, int, int]] = {}

    def routes(self) -> list[web.RouteDef]:
        """What is served."""
        return [
            web.put("/blobs/{name}", self._put_blob),
            web.get("/blobs/{name}", self._get_blob),
            web.put("/blocks/{name}", self._put_block),
            web.get("/files/{name}", self._get_part),
        ]

    def path(self, id: str) -> Path:
        """The file of a blob."""
        if not (self._blobs / id).is_file():
            raise not_found(f"blob {id}")
        return self._blobs / id

    def url(self, caller: str) -> str:
        """Where a caller finds it."""
        return self.for_clients if caller == CLIENT else self.for_containers

    def part(self, caller: str, path: Path, start: int, length: int) -> str:
        """A URL by which a part of a file is read."""
        name = new_id("bl")
        self._files[name] = path, start, length
        return f"{self.url(caller)}/files/{name}"

    async def BlobCreate(self, request: api_pb2.BlobCreateRequest, caller: str) -> api_pb2.BlobCreateResponse:
        id = new_id("bl")
        urls = api_pb2.UploadUrlList(items=[f"{self.url(caller)}/blobs/{id}"])
        return api_pb2.BlobCreateResponse(blob_ids=[id], blob_id=id, upload_urls=urls)

    async def BlobGet(self, request: api_pb2.BlobGetRequest, caller: str) -> api_pb2.BlobGetResponse:
        self.path(request.blob_id)
        return api_pb2.BlobGetResponse(download_url=f"{self.url(caller)}/blobs/{request.blob_id}")

    async def _put_blob(self, request: web.Request) -> web.Response:
        checksum = await self._receive(request, self._blobs / request.match_info["name"], "md5")
        return web.Response(headers={"ETag": f'"{checksum}"'})

    async def _put_block(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        part = self.blocks / f"{name}.{new_id('bl')}"
        checksum = await self._receive(request, part, "sha256")
        if checksum != name:
            part.unlink()
            return web.Response(status=400, text="the block has another content than was told")
        part.rename(self.blocks / name)
        return web.Response(text=f"stored {name}")

    async def _receive(self, request: web.Request, path: Path, checksum: str) -> str:
        digest, size = hashlib.new(checksum), 0
        with path.open("wb") as file:
            async for data in request.content.iter_any():
                digest.update(data)
                size += file.write(data)
        self._record.transfer(_caller(request), f"PUT /{path.parent.name}", size)
        return digest.hexdigest()

    async def _get_blob(self, request: web.Request) -> web.FileResponse:
        path = self._blobs / request.match_info["name"]
        self._record.transfer(_caller(request), "GET /blobs", path.stat().st_size)
        return web.FileResponse(path)

    async def _get_part(self, request: web.Request) -> web.Response:
        path, start, length = self._files[request.match_info["name"]]
        with path.open("rb") as file:
            file.seek(start)
            data = file.read(length)
        self._record.transfer(_caller(request), "GET /files", len(data))
        return web.Response(body=data)


def _caller(request: web.Request) -> str:
    """Clients come through a gate, which leads to a socket file."""
    connection = request.transport and request.transport.get_extra_info("socket")
    return CLIENT if connection and connection.family == socket.AF_UNIX else CONTAINER
