"""Volumes: folders that outlive containers, of version 1 and 2.

Models listing, reading, writing, copying, removing and renaming as the client does it; of version 2 the upload of
missing blocks alone (a block is known once it was sent; those of files that containers write are not). Here is what
is committed: what a container sees is in `views.py`.
"""

import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from .blobs import Blobs
from .environments import NAME
from .errors import not_found
from .ids import new_id
from .mounts import Mounts

BLOCK = 8 << 20


@dataclass
class Volume:
    """A volume. :param folder: where its files lie."""

    name: str
    version: int
    folder: Path
    id: str = field(default_factory=lambda: new_id("vo"))
    created: float = field(default_factory=time.time)

    @property
    def metadata(self) -> api_pb2.VolumeMetadata:
        """What a client is told."""
        creation = api_pb2.CreationInfo(created_at=self.created)
        return api_pb2.VolumeMetadata(name=self.name, version=self.version, creation_info=creation)

    def path(self, path: str) -> Path:
        """:param path: in the volume, with or without a slash at its beginning."""
        found = (self.folder / path.lstrip("/")).resolve()
        if not found.is_relative_to(self.folder):
            raise GRPCError(Status.INVALID_ARGUMENT, f"{path} leaves the volume")
        return found

    def existing(self, path: str) -> Path:
        """:raise GRPCError: there is no such file or folder."""
        if not (found := self.path(path)).exists():
            raise not_found(path)
        return found


class Volumes:
    """All volumes, by id."""

    def __init__(self, folder: Path, blobs: Blobs, mounts: Mounts) -> None:
        self._folder, self._blobs, self._mounts = folder.resolve() / "volumes", blobs, mounts
        self._folder.mkdir()
        self._volumes: dict[str, Volume] = {}

    def get(self, id: str) -> Volume:
        """:raise GRPCError: there is none."""
        if id not in self._volumes:
            raise not_found(f"Volume {id}")
        return self._volumes[id]

    async def VolumeGetOrCreate(
        self, request: api_pb2.VolumeGetOrCreateRequest, caller: str
    ) -> api_pb2.VolumeGetOrCreateResponse:
        found = next((one for one in self._volumes.values() if one.name == request.deployment_name != ""), None)
        if found and request.object_creation_type == api_pb2.OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS:
            raise GRPCError(Status.ALREADY_EXISTS, f"Volume '{found.name}' already exists")
        if found is None and request.object_creation_type == api_pb2.OBJECT_CREATION_TYPE_UNSPECIFIED:
            raise not_found(f"Volume '{request.deployment_name}'")
        volume = found or self._make(request.deployment_name, request.version or api_pb2.VOLUME_FS_VERSION_V1)
        return api_pb2.VolumeGetOrCreateResponse(volume_id=volume.id, version=volume.version, metadata=volume.metadata)

    def _make(self, name: str, version: int) -> Volume:
        volume = Volume(name, version, self._folder / (name or new_id("vo")))
        volume.folder.mkdir()
        self._volumes[volume.id] = volume
        return volume

    async def VolumeGetById(self, request: api_pb2.VolumeGetByIdRequest, caller: str) -> api_pb2.VolumeGetByIdResponse:
        volume = self.get(request.volume_id)
        return api_pb2.VolumeGetByIdResponse(volume_id=volume.id, metadata=volume.metadata)

    async def VolumeList(self, request: api_pb2.VolumeListRequest, caller: str) -> api_pb2.VolumeListResponse:
        items = [
            api_pb2.VolumeListItem(label=one.name, volume_id=one.id, created_at=one.created, metadata=one.metadata)
            for one in self._volumes.values()
            if one.name
        ]
        return api_pb2.VolumeListResponse(items=items, environment_name=NAME)

    async def VolumeDelete(self, request: api_pb2.VolumeDeleteRequest, caller: str) -> Empty:
        shutil.rmtree(self.get(request.volume_id).folder)
        del self._volumes[request.volume_id]
        return Empty()

    async def VolumeRename(self, request: api_pb2.VolumeRenameRequest, caller: str) -> Empty:
        volume = self.get(request.volume_id)
        volume.name, volume.folder = request.name, volume.folder.rename(self._folder / request.name)
        return Empty()

    async def VolumeHeartbeat(self, request: api_pb2.VolumeHeartbeatRequest, caller: str) -> Empty:
        return Empty()

    async def VolumeListFiles(
        self, request: api_pb2.VolumeListFilesRequest, caller: str
    ) -> AsyncIterator[api_pb2.VolumeListFilesResponse]:
        yield api_pb2.VolumeListFilesResponse(entries=self._list(request.volume_id, request.path, request.recursive))

    async def VolumeListFiles2(
        self, request: api_pb2.VolumeListFiles2Request, caller: str
    ) -> AsyncIterator[api_pb2.VolumeListFiles2Response]:
        yield api_pb2.VolumeListFiles2Response(entries=self._list(request.volume_id, request.path, request.recursive))

    def _list(self, id: str, path: str, recursive: bool) -> list[api_pb2.FileEntry]:
        volume = self.get(id)
        start = volume.existing(path)
        below = start.rglob("*") if recursive else start.iterdir()
        return [_entry(volume, one) for one in ([start] if start.is_file() else sorted(below))]

    async def VolumeGetFile2(
        self, request: api_pb2.VolumeGetFile2Request, caller: str
    ) -> api_pb2.VolumeGetFile2Response:
        path = self.get(request.volume_id).existing(request.path)
        if not path.is_file():
            raise GRPCError(Status.INVALID_ARGUMENT, f"{request.path} is not a file")
        size = path.stat().st_size
        end = min(size, request.start + request.len) if request.len else size
        edges = [request.start, *range((request.start // BLOCK + 1) * BLOCK, end, BLOCK), end]
        urls = [self._blobs.part(caller, path, one, two - one) for one, two in pairwise(edges) if two > one]
        return api_pb2.VolumeGetFile2Response(get_urls=urls, size=size, start=request.start, len=end - request.start)

    async def VolumePutFiles(self, request: api_pb2.VolumePutFilesRequest, caller: str) -> Empty:
        volume = self.get(request.volume_id)
        for file in request.files:
            path = _place(volume, file.filename, request.disallow_overwrite_existing_files)
            shutil.copyfile(self._mounts.content(file.sha256_hex), path)
            path.chmod(file.mode or 0o644)
        return Empty()

    async def VolumePutFiles2(
        self, request: api_pb2.VolumePutFiles2Request, caller: str
    ) -> api_pb2.VolumePutFiles2Response:
        volume = self.get(request.volume_id)
        missing = {
            block.contents_sha256.hex(): (file_index, block_index)
            for file_index, file in enumerate(request.files)
            for block_index, block in enumerate(file.blocks)
            if not (self._blobs.blocks / block.contents_sha256.hex()).exists()
        }
        if not missing:
            for file in request.files:
                self._assemble(volume, file, request.disallow_overwrite_existing_files)
        return api_pb2.VolumePutFiles2Response(
            missing_blocks=[
                api_pb2.VolumePutFiles2Response.MissingBlock(
                    file_index=file, block_index=block, put_url=f"{self._blobs.url(caller)}/blocks/{name}"
                )
                for name, (file, block) in missing.items()
            ]
        )

    def _assemble(self, volume: Volume, file: api_pb2.VolumePutFiles2Request.File, must_be_new: bool) -> None:
        path = _place(volume, file.path, must_be_new)
        part = path.with_name(f".{new_id('bl')}")
        with part.open("wb") as content:
            for block in file.blocks:
                with (self._blobs.blocks / block.contents_sha256.hex()).open("rb") as source:
                    shutil.copyfileobj(source, content, 1 << 20)
            content.truncate(file.size)
        part.chmod(file.mode or 0o644)
        part.rename(path)

    async def VolumeRemoveFile(self, request: api_pb2.VolumeRemoveFileRequest, caller: str) -> Empty:
        return self._remove(request.volume_id, request.path, request.recursive)

    async def VolumeRemoveFile2(self, request: api_pb2.VolumeRemoveFile2Request, caller: str) -> Empty:
        return self._remove(request.volume_id, request.path, request.recursive)

    def _remove(self, id: str, path: str, recursive: bool) -> Empty:
        found = self.get(id).existing(path)
        if not found.is_dir():
            found.unlink()
        elif recursive:
            shutil.rmtree(found)
        else:
            raise GRPCError(Status.INVALID_ARGUMENT, f"{path} is a directory, and recursive is not set")
        return Empty()

    async def VolumeCopyFiles(self, request: api_pb2.VolumeCopyFilesRequest, caller: str) -> Empty:
        return self._copy(request)

    async def VolumeCopyFiles2(self, request: api_pb2.VolumeCopyFiles2Request, caller: str) -> Empty:
        return self._copy(request)

    def _copy(self, request: api_pb2.VolumeCopyFilesRequest | api_pb2.VolumeCopyFiles2Request) -> Empty:
        volume = self.get(request.volume_id)
        target = volume.path(request.dst_path)
        for source in map(volume.existing, request.src_paths):
            place = target / source.name if target.is_dir() else target
            place.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, place)
            else:
                shutil.copy2(source, place)
        return Empty()


def _place(volume: Volume, path: str, must_be_new: bool) -> Path:
    """The place of a file to write, with its folders made."""
    place = volume.path(path)
    if must_be_new and place.exists():
        raise GRPCError(Status.ALREADY_EXISTS, f"{path} already exists")
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _entry(volume: Volume, path: Path) -> api_pb2.FileEntry:
    about = path.lstat()
    kind = api_pb2.FileEntry.SYMLINK if path.is_symlink() else api_pb2.FileEntry.FILE
    return api_pb2.FileEntry(
        path=path.relative_to(volume.folder).as_posix(),
        type=api_pb2.FileEntry.DIRECTORY if path.is_dir() and not path.is_symlink() else kind,
        mtime=int(about.st_mtime),
        size=about.st_size,
    )
