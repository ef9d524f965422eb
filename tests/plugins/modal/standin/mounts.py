"""Mounts: files of a client's that appear in containers and in the building of images.

Models contents by their SHA-256, which are sent only once, and mounts made of them; a mount becomes a layer of the
container's file system. Those of the service itself (the client's own packages, standalone Pythons) exist by name,
and are empty: the interpreter of the containers has these packages anyway.
"""

import hashlib
import shutil
from pathlib import Path

from google.protobuf.timestamp_pb2 import Timestamp
from modal_proto import api_pb2

from .blobs import Blobs
from .errors import not_found
from .ids import new_id


class Mounts:
    """The contents, and the mounts by id.

    :param layers: the folder where mounts become layers.
    """

    def __init__(self, folder: Path, layers: Path, blobs: Blobs) -> None:
        self._contents, self._layers, self._blobs = folder / "contents", layers, blobs
        self._contents.mkdir()
        self._checksums: dict[str, str] = {}

    def layer(self, id: str) -> Path:
        """The files of a mount, in folders from the root on."""
        if id not in self._checksums:
            raise not_found(f"mount {id}")
        return self._layers / id

    def checksum(self, id: str) -> str:
        """A checksum of the paths and contents of a mount."""
        return self._checksums[id]

    def content(self, sha256: str) -> Path:
        """The file with a content."""
        return self._contents / sha256

    async def MountBatchedCheckExistence(
        self, request: api_pb2.MountBatchedCheckExistenceRequest, caller: str
    ) -> api_pb2.MountBatchedCheckExistenceResponse:
        missing = [sha256 for sha256 in request.sha256_hex_hashes if not self.content(sha256).exists()]
        return api_pb2.MountBatchedCheckExistenceResponse(missing_sha256_hex_hashes=missing, checked_at=_now())

    async def MountPutFile(self, request: api_pb2.MountPutFileRequest, caller: str) -> api_pb2.MountPutFileResponse:
        content = self.content(request.sha256_hex)
        if request.WhichOneof("data_oneof") == "data":
            content.write_bytes(request.data)
        elif request.data_blob_id:
            self._blobs.path(request.data_blob_id).rename(content)
        return api_pb2.MountPutFileResponse(exists=content.exists(), checked_at=_now())

    async def MountGetOrCreate(
        self, request: api_pb2.MountGetOrCreateRequest, caller: str
    ) -> api_pb2.MountGetOrCreateResponse:
        id = new_id("mo")
        files = sorted((file.filename, file.sha256_hex, file.mode) for file in request.files)
        self._checksums[id] = hashlib.sha256(repr(files).encode()).hexdigest()
        for filename, sha256, mode in files:
            path = self._layers / id / filename.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.content(sha256), path)
            path.chmod(mode or 0o644)
        (self._layers / id).mkdir(exist_ok=True)
        metadata = api_pb2.MountHandleMetadata(content_checksum_sha256_hex=self._checksums[id])
        return api_pb2.MountGetOrCreateResponse(mount_id=id, handle_metadata=metadata)


def _now() -> Timestamp:
    now = Timestamp()
    now.GetCurrentTime()
    return now
