"""Processes in namespaces of their own, which see this machine through layers: containers, and the building of images.

The lowest layer above this machine's root hides what a container must not find: other people's temporary files, and
the distributions that are installed editable with their sources, so that a project under test is there only if it was
sent. Everything else that this interpreter has is there, as in an image that has these packages installed.
"""

import asyncio
import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlparse

ENTER = Path(__file__).with_name("enter.py")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def unsupported() -> str | None:
    """Why this machine cannot make containers; None if it can. It tries."""
    with tempfile.TemporaryDirectory() as folder:
        argv = [sys.executable, "-c", "import modal_proto"]
        spec = _write_spec(
            Path(folder), argv, variables={}, layers=(), upper=None, binds=(), directory="/", network=True
        )
        command = [*outer_command(), *_command(spec, network=True)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as box:
            assert box.stderr
            problem = box.stderr.read().strip()[-300:]
    return f"no containers can be made here: {problem}" if box.returncode else None


def outer_command() -> list[str]:
    """What the stand-in itself is started with: it has a mount namespace, so that its mounts end with it."""
    return ["unshare", "--mount", *(["--map-root-user"] if os.geteuid() else [])]


async def start(
    folder: Path,
    argv: Sequence[str],
    variables: Mapping[str, str],
    layers: Sequence[Path],
    upper: Path | None = None,
    binds: Sequence[tuple[Path, str, bool]] = (),
    directory: str = "/root",
    network: bool = False,
) -> asyncio.subprocess.Process:
    """Start a command in a box. A line to its standard input interrupts it; its end kills whatever the command left.

    :param folder: for what the box needs.
    :param layers: from the top down.
    :param upper: the folder where what is written stays; by default it is forgotten.
    :param binds: paths on this machine, their places in the box, and whether they can only be read there.
    :param network: a network of its own, without a way out.
    """
    spec = _write_spec(folder, argv, variables, layers, upper, binds, directory, network)
    return await asyncio.create_subprocess_exec(
        *_command(spec, network),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )


def _command(spec: Path, network: bool) -> list[str]:
    unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", *(["--net"] if network else [])]
    return [*unshare, sys.executable, "-I", "-S", str(ENTER), str(spec)]


def _write_spec(
    folder: Path,
    argv: Sequence[str],
    variables: Mapping[str, str],
    layers: Sequence[Path],
    upper: Path | None,
    binds: Sequence[tuple[Path, str, bool]],
    directory: str,
    network: bool,
) -> Path:
    scratch = folder / "scratch"
    scratch.mkdir(parents=True)
    spec = {
        "scratch": str(scratch),
        "layers": [str(layer) for layer in layers],
        "upper": str(upper or ""),
        "binds": [(str(source), target, read_only) for source, target, read_only in binds],
        "network": network,
        "argv": list(argv),
        "variables": dict(variables),
        "directory": directory,
    }
    path = folder / "spec.json"
    path.write_text(json.dumps(spec))
    return path


def variables() -> dict[str, str]:
    """The environment of a box to begin with: nothing of whoever started the stand-in."""
    return {
        "PATH": f"{Path(sys.executable).parent}:{SYSTEM_PATH}",
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
    }


def make_base_layer(layer: Path) -> None:
    """Fill the lowest layer."""
    keep = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()}
    for path in [*Path(tempfile.gettempdir()).iterdir(), *_editable()]:
        _hide(layer, path, keep)


def _editable() -> Iterator[Path]:
    """The files of distributions that are installed editable, and their sources."""
    for one in metadata.distributions():
        about = json.loads(one.read_text("direct_url.json") or "{}")
        if about.get("dir_info", {}).get("editable"):
            yield Path(unquote(urlparse(about["url"]).path))
            yield from (
                path for path in (Path(str(file.locate())).resolve() for file in one.files or ()) if path.exists()
            )


def _hide(layer: Path, path: Path, keep: set[Path]) -> None:
    """Let a layer hide a path, but for what is to be kept in it."""
    if path in keep:
        return
    if any(kept.is_relative_to(path) for kept in keep):
        for child in path.iterdir():
            _hide(layer, child, keep)
        return
    place = _parents(layer, path)
    if not place.exists():
        os.mknod(place, stat.S_IFCHR, os.makedev(0, 0))  # a whiteout of overlayfs


def _parents(layer: Path, path: Path) -> Path:
    """The place of a path in a layer, under folders with the modes of the originals."""
    place = layer
    for part in path.parent.parts[1:]:
        place /= part
        if not place.exists():
            place.mkdir()
            place.chmod(stat.S_IMODE((Path("/") / place.relative_to(layer)).stat().st_mode))
    return place / path.name
