"""Processes in namespaces of their own, which see this machine through layers: containers, and the building of images.

The lowest layer above this machine's root hides what a container must not find: temporary files, and the
distributions that are installed editable with their sources, so that a project under test is there only if it was
sent. Everything else that this interpreter has is there, as in an image that has these packages installed.
"""

import asyncio
import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlparse

from . import enter
from .enter import Spec

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Box:
    """A command that runs in a box. It is interrupted and then killed when the process that started it dies.

    :param process: what holds it: its end is that of the command, and kills whatever the command left.
    """

    process: asyncio.subprocess.Process
    folder: Path

    def interrupt(self) -> None:
        """Send SIGINT to the command."""
        if self.process.stdin and self.process.returncode is None:
            self.process.stdin.write(b"interrupt\n")

    def kill(self) -> None:
        """Kill all of its processes."""
        if self.process.returncode is None:
            self.process.kill()

    def open_files(self, place: str) -> list[str]:
        """The files under a place in the box that any of its processes has open, or works in."""
        start = str(enter.root_of(self.folder) / place.lstrip("/"))
        links = [link for id in _descendants(self.process.pid) for link in _links(id)]
        return [link for link in links if link == start or link.startswith(f"{start}/")]


async def start(folder: Path, spec: Spec) -> Box:
    """Start a command in a box.

    :param folder: for what the box needs.
    """
    spec.write(folder)
    pipe = asyncio.subprocess.PIPE
    command = _command(folder, spec)
    process = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=pipe, env={"PATH": SYSTEM_PATH}, start_new_session=True
    )
    return Box(process, folder)


def unsupported() -> str | None:
    """Why this machine cannot make containers, which needs root or user namespaces; None if it can. It tries."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec = Spec([sys.executable, "-c", "import modal_proto"], variables(), layers=[], directory="/", isolated=True)
        spec.write(folder)
        command = [*outer_command(), *_command(folder, spec)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as box:
            assert box.stderr
            problem = box.stderr.read().strip()[-300:]
    return f"no containers can be made here: {problem}" if box.returncode else None


def outer_command(rootless: bool = os.geteuid() != 0) -> list[str]:
    """What the stand-in itself is started with: it has a mount namespace, so that its mounts end with it."""
    return ["unshare", "--mount", *(["--map-root-user"] if rootless else [])]


def _command(folder: Path, spec: Spec) -> list[str]:
    unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", *(["--net"] if spec.isolated else [])]
    return [*unshare, sys.executable, "-I", "-S", enter.__file__, str(folder)]


def variables() -> dict[str, str]:
    """The environment of a box to begin with: nothing of whoever started the stand-in."""
    return {
        "PATH": f"{Path(sys.executable).parent}:{SYSTEM_PATH}",
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
    }


def _descendants(process: int) -> Iterator[int]:
    yield process
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from _descendants(int(child))


def _links(process: int) -> Iterator[str]:
    """What a process has open, and where it works; nothing, if it is gone."""
    folder = Path(f"/proc/{process}")
    for link in [folder / "cwd", *(folder / "fd").glob("*")]:
        try:
            yield str(link.readlink())
        except OSError:
            continue


def make_base_layer(layer: Path) -> None:
    """Fill the lowest layer."""
    prefixes = (Path(sys.prefix), Path(sys.base_prefix))
    keep = {*prefixes, *(prefix.resolve() for prefix in prefixes)}
    for path in [*Path(tempfile.gettempdir()).iterdir(), *_editable()]:
        _hide(layer, path, keep)


def _editable() -> Iterator[Path]:
    """The files of distributions that are installed editable, and their sources."""
    for one in metadata.distributions():
        about = json.loads(one.read_text("direct_url.json") or "{}")
        if about.get("dir_info", {}).get("editable"):
            yield Path(unquote(urlparse(about["url"]).path))
            files = (Path(str(file.locate())).resolve() for file in one.files or ())
            yield from (path for path in files if path.exists())


def _hide(layer: Path, path: Path, keep: set[Path]) -> None:
    """Let a layer hide a path, but for what is to be kept in it."""
    if path in keep:
        return
    if any(kept.is_relative_to(path) for kept in keep):
        for child in path.iterdir():
            _hide(layer, child, keep)
        return
    if any((layer / folder.relative_to("/")).is_char_device() for folder in path.parents):
        return  # with the folder around it, such as a checkout in the folder for temporary files
    place = _place(layer, path)
    if not place.exists():
        os.mknod(place, stat.S_IFCHR, os.makedev(0, 0))  # a whiteout of overlayfs


def _place(layer: Path, path: Path) -> Path:
    """The place of a path in a layer, under folders with the modes of the originals."""
    place = layer
    for part in path.parent.parts[1:]:
        place /= part
        if not place.exists():
            place.mkdir()
            place.chmod(stat.S_IMODE((Path("/") / place.relative_to(layer)).stat().st_mode))
    return place / path.name
