"""Becomes a container, or a step in the building of an image: `python enter.py FOLDER`, in new namespaces.

The mount and the process namespace are new; for a box without a network, the network namespace too. Its files are
overlays: the layers of an image over this machine's root, with a top of its own. Files and folders are bound into
them. Then the command runs, and this process stays as the first one of its namespace: it waits for those that lose
their parent; a line or the end of its standard input interrupts the command; when the command ends, all others are
killed.

Stands alone: it runs without the packages of its environment, so that it starts fast.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

READ_ONLY, REMOUNT, BIND, RECURSIVE = 1, 32, 4096, 16384  # flags of mount(2)
GRACE = 30  # seconds that an interrupted command has, if nobody is left who would kill it sooner


@dataclass(frozen=True)
class Spec:
    """A box.

    :param argv: the command.
    :param variables: its environment.
    :param layers: folders of the overlay, from the top down.
    :param upper: the folder where what is written stays; without one it is forgotten.
    :param binds: paths on this machine, their places in the box, and whether they can only be read there.
    :param directory: where the command runs.
    :param isolated: has a network of its own: an interface `eth0`, and no way to anywhere.
    """

    argv: list[str]
    variables: dict[str, str]
    layers: list[str]
    upper: str = ""
    binds: list[tuple[str, str, bool]] = field(default_factory=list)
    directory: str = "/root"
    isolated: bool = False

    def write(self, folder: Path) -> None:
        """Put it where this program finds it."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "spec.json").write_text(json.dumps(asdict(self)))


def root_of(folder: Path) -> Path:
    """Where the file system of a box is, as seen from outside."""
    return folder / "scratch" / "root"


def mount(source: str, target: Path, kind: str, flags: int = 0, options: str = "") -> None:
    """Call mount(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source.encode(), bytes(target), kind.encode(), flags, options.encode()):
        error = ctypes.get_errno()
        raise OSError(error, f"mount {source} ({kind}, {options}): {os.strerror(error)}", str(target))


def build_root(spec: Spec, folder: Path) -> Path:
    """Mount the file system of a box, and return where.

    Each folder at the root of this machine has an overlay of its own: in a user namespace there can be none of the
    root itself, since other file systems are mounted in it.
    """
    root = root_of(folder)
    scratch = root.parent
    scratch.mkdir()
    mount("tmpfs", scratch, "tmpfs")
    skeleton, upper = scratch / "skeleton", Path(spec.upper or scratch / "upper")
    for made in (root, skeleton, upper):
        made.mkdir(exist_ok=True)
    layers = list(map(Path, spec.layers))
    folders = build_skeleton(skeleton)
    overlay(root, [*layers, skeleton], upper)
    for name in folders - {"dev", "proc", "sys"}:
        if (root / name).is_dir():  # no layer hides it
            here = [layer / name for layer in layers if (layer / name).is_dir()]
            with suppress(OSError):  # has mounts in it that a user namespace may not look below: it stays empty
                overlay(root / name, [*here, Path("/", name)], upper / name)
    mount("proc", root / "proc", "proc")
    for name in ("sys", "dev"):
        mount(f"/{name}", root / name, "", BIND | RECURSIVE)
    for source, target, read_only in spec.binds:
        bind(Path(source), root / target.lstrip("/"), read_only)
    return root


def build_skeleton(skeleton: Path) -> set[str]:
    """Make the links and folders that this machine has at its root, the latter empty; their names are returned."""
    folders = set()
    for path in Path("/").iterdir():
        if path.is_symlink():
            (skeleton / path.name).symlink_to(path.readlink())
        elif path.is_dir():
            (skeleton / path.name).mkdir()
            folders.add(path.name)
    return folders


def overlay(target: Path, lower: list[Path], upper: Path) -> None:
    """Mount folders over each other, from the top down; what is written stays in the upper one."""
    work = upper.with_name(f".{upper.name}.work")
    for needed in (upper, work):
        needed.mkdir(exist_ok=True)
    upper.chmod(lower[-1].stat().st_mode & 0o7777)
    options = f"lowerdir={':'.join(map(str, lower))},upperdir={upper},workdir={work}"
    in_user_namespace = not Path("/proc/self/uid_map").read_text().endswith("4294967295\n")
    mount("overlay", target, "overlay", 0, options + (",userxattr" if in_user_namespace else ""))


def bind(source: Path, target: Path, read_only: bool) -> None:
    """Let a file or folder of this machine appear in a box."""
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
    """Interrupt the command when told to, or when nobody is left who could tell."""
    sys.stdin.readline()
    os.kill(child, signal.SIGINT)
    time.sleep(GRACE)
    os.kill(child, signal.SIGKILL)


def main(folder: Path) -> None:
    spec = Spec(**json.loads((folder / "spec.json").read_text()))
    if spec.isolated:
        build_network()
    os.chroot(build_root(spec, folder))
    Path(spec.directory).mkdir(parents=True, exist_ok=True)
    os.chdir(spec.directory)
    child = os.fork()
    if child == 0:
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.execvpe(spec.argv[0], spec.argv, spec.variables)
    threading.Thread(target=interrupt, args=(child,), daemon=True).start()
    while True:
        ended, status = os.wait()
        if ended == child:
            os._exit(os.waitstatus_to_exitcode(status) % 256)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
