"""A volume of Modal, seen by its client: files are listed, read, written and removed without being mounted."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ftk_modal.troubles import Trouble, told

if TYPE_CHECKING:
    import modal


VERSION = 2
"""Of volumes: several containers write different files of one at a time."""

PAUSES = (0.1, 0.2, 0.4)
"""Seconds between tries, as the client's own."""


@dataclass(frozen=True)
class Entry:
    """A file or folder.

    :param path: in the volume, without a slash at the beginning.
    :param size: bytes.
    :param time: of the last change, in whole seconds.
    """

    path: str
    is_folder: bool
    size: int
    time: int

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


class Store:
    """A volume by its name; it is made where it is missing.

    :param name: in the workspace.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @cached_property
    def volume(self) -> "modal.Volume":
        """What mounts it."""
        import modal

        return modal.Volume.from_name(self.name, create_if_missing=True, version=VERSION)

    def entries(self, path: str, recursive: bool = False) -> list[Entry]:
        """What is in a folder; nothing where there is no such folder."""
        # Of all that is asked here, only this the client does not try again by itself, since it comes as a stream.
        for pause in PAUSES:
            try:
                return self._entries(path, recursive)
            except Trouble:
                time.sleep(pause)
        return self._entries(path, recursive)

    def _entries(self, path: str, recursive: bool) -> list[Entry]:
        import modal.exception

        with told():
            try:
                found = self.volume.listdir(f"/{path}", recursive=recursive)
            except (modal.exception.NotFoundError, FileNotFoundError):
                return []
        return [Entry(item.path.strip("/"), item.type.name == "DIRECTORY", item.size, item.mtime) for item in found]

    def read(self, path: str) -> bytes:
        """The content of a file.

        :raises FileNotFoundError: where there is none.
        """
        stream = BytesIO()
        self.fetch(path, stream)
        return stream.getvalue()

    def fetch(self, path: str, stream: IO[bytes], advance: Callable[[int], None] = lambda size: None) -> None:
        """Write the content of a file to a stream that can seek; its blocks come at the same time, each one verified.

        :param advance: is told how many bytes have come.
        :raises FileNotFoundError: where there is none.
        """

        def progress(*_: Any, advance: int = 0, **__: Any) -> None:
            tell(advance)

        tell = advance
        with told():
            self.volume.read_file_into_fileobj(f"/{path}", stream, progress_cb=progress)

    def write(self, content: Mapping[str, Path | bytes], progress: Callable[..., Any] | None = None) -> None:
        """Write files, all at once; of what the volume has already, nothing is sent.

        :param content: what is to be written, by path.
        :param progress: a callback of `modal.Volume.batch_upload`.
        """
        import modal.volume

        with told():
            volume = self.volume.hydrate()
            # What `batch_upload` gives, which takes no callback.
            uploads: Any = modal.volume.AbstractVolumeUploadContextManager
            with uploads.resolve(VERSION, volume.object_id, volume.client, progress, force=True) as batch:
                for path, source in content.items():
                    batch.put_file(BytesIO(source) if isinstance(source, bytes) else source, f"/{path}")

    def remove(self, path: str) -> None:
        """Remove a file or folder, if it is there."""
        import modal.exception

        with told():
            try:
                self.volume.remove_file(f"/{path}", recursive=True)
            except (modal.exception.NotFoundError, FileNotFoundError):
                return
