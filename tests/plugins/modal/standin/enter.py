"""Becomes a container, or a step in the building of an image: `python enter.py SPEC`, in new mount and process
namespaces.

The file system is an overlay: the layers of the image over this machine's root, with a top of its own, so that
nothing that is written there is seen outside. Files and folders are bound into it. With `network`, there is an
interface `eth0` and no way to anywhere. Then the command runs, and this process stays as the first one of the
namespace: it waits for whoever loses their parent; a line or the end of its standard input interrupts the command;
when the command ends, all others do.

Stands alone: it runs without the packages of its environment.

SPEC is a JSON file: `scratch` (an empty folder), `layers` (from the top down), `upper` (what is written; empty:
forgotten), `binds` (triples of source, target and whether it can only be read), `network`, `argv`, `variables`,
`directory`.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

READ_ONLY, REMOUNT, BIND, RECURSIVE = 1, 32, 4096, 16384
GRACE = 30  # seconds that an interrupted command has; whoever started this one kills it sooner


def mount(source: str, target: Path, kind: str, flags: int = 0, options: str = "") -> None:
    """Call mount(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source.encode(), bytes(target), kind.encode(), flags, options.encode()):
        error = ctypes.get_errno()
        raise OSError(error, f"mount {source} ({kind}, {options}): {os.strerror(error)}", str(target))


def build_root(spec: dict[str, Any]) -> Path:
    """Mount the file system of the container, and return where."""
    scratch = Path(spec["scratch"])
    mount("tmpfs", scratch, "tmpfs")
    for name in ("upper", "root"):
        (scratch / name).mkdir()
    upper = Path(spec["upper"] or scratch / "upper")
    work = upper.with_name(f"{upper.name}.work")
    work.mkdir(exist_ok=True)
    root = scratch / "root"
    layers = ":".join([*spec["layers"], "/"])
    mount("overlay", root, "overlay", 0, f"lowerdir={layers},upperdir={upper},workdir={work}")
    mount("proc", root / "proc", "proc")
    for name in ("sys", "dev"):
        mount(f"/{name}", root / name, "", BIND | RECURSIVE)
    for source, target, read_only in spec["binds"]:
        bind(Path(source), root / target.lstrip("/"), read_only)
    return root


def bind(source: Path, target: Path, read_only: bool) -> None:
    """Let a file or folder of this machine appear in the container."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        target.mkdir(exist_ok=True)
    else:
        target.touch()
    mount(str(source), target, "", BIND)
    if read_only:
        mount("", target, "", BIND | REMOUNT | READ_ONLY)


def build_network() -> None:
    """An interface with an address, whose other end is nowhere."""
    for command in (
        "ip link add eth0 type veth peer name peer",
        "ip address add 10.0.0.2/24 dev eth0",
        "ip link set eth0 up",
        "ip link set peer up",
        "ip link set lo up",
    ):
        subprocess.run(command.split(), check=True)


def interrupt(child: int) -> None:
    """Interrupt the command when told to, or when nobody is left who could."""
    sys.stdin.readline()
    os.kill(child, signal.SIGINT)
    time.sleep(GRACE)
    os.kill(child, signal.SIGKILL)


def main() -> None:
    spec = json.loads(Path(sys.argv[1]).read_text())
    if spec["network"]:
        build_network()
    root = build_root(spec)
    os.chroot(root)
    Path(spec["directory"]).mkdir(parents=True, exist_ok=True)
    os.chdir(spec["directory"])
    child = os.fork()
    if child == 0:
        devnull = os.open("/dev/null", os.O_RDONLY)
        os.dup2(devnull, 0)
        os.execvpe(spec["argv"][0], spec["argv"], spec["variables"])
    threading.Thread(target=interrupt, args=(child,), daemon=True).start()
    while True:
        ended, status = os.wait()
        if ended == child:
            os._exit(min(255, os.waitstatus_to_exitcode(status) % 256))


if __name__ == "__main__":
    main()
