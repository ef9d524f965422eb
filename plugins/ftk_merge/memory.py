"""How much memory is free: the machine's, or what the cgroups of this process leave of it, as those of containers do.

Beyond a cgroup's limit the kernel kills, however much the machine has
(https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files, and for the first version
https://docs.kernel.org/admin-guide/cgroup-v1/memory.html).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SYSTEM = Path("/")


class Interface(NamedTuple):
    """Where a version of cgroups tells of memory.

    :param mount: the folder of all groups.
    :param limit: the file with the bytes that a group may use.
    :param usage: the file with those that it uses.
    :param cached: the line of `memory.stat` with those of them that the kernel gives back before it kills.
    """

    mount: str
    limit: str
    usage: str
    cached: str


FIRST = Interface("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
SECOND = Interface("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file")


def free_memory(system: Path = SYSTEM) -> int:
    """Bytes that can be used without swapping.

    :param system: the root of the file system.
    """
    import psutil

    return min((int(psutil.virtual_memory().available), *_left_by_groups(system)))


def _left_by_groups(system: Path) -> Iterator[int]:
    """What each of the process's groups with a limit leaves: its own, and those around it."""
    try:
        lines = (system / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # no Linux
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        interface = FIRST if controllers else SECOND
        mount = system / interface.mount
        inner = mount / group.lstrip("/")
        # In a container, the group's name may be that on the machine, of which only the mount itself is seen here.
        for folder in (inner, *inner.parents):
            if folder.is_relative_to(mount) and (left := _left(folder, interface)) is not None:
                yield left


def _left(group: Path, interface: Interface) -> int | None:
    try:
        limit, used = ((group / name).read_text().strip() for name in (interface.limit, interface.usage))
        counts = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except OSError:  # the root has no limit
        return None
    return max(0, int(limit) - int(used) + int(counts[interface.cached])) if limit.isdigit() else None
