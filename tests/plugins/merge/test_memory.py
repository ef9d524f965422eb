"""How much memory is free is told by the machine, and by the process's cgroups where they leave less."""

from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from ftk_merge.memory import free_memory

MB = 1 << 20

CASES: Mapping[str, tuple[Mapping[str, str], int | None]] = {
    "the second version": (
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": f"{90 * MB}\n",
            "sys/fs/cgroup/memory.current": f"{70 * MB}\n",
            "sys/fs/cgroup/memory.stat": f"anon {60 * MB}\ninactive_file {10 * MB}\nactive_file 0\n",
        },
        30 * MB,
    ),
    "a group around the process's with less": (
        {
            "proc/self/cgroup": "0::/jobs/one\n",
            "sys/fs/cgroup/jobs/one/memory.max": "max\n",
            "sys/fs/cgroup/jobs/one/memory.current": "0\n",
            "sys/fs/cgroup/jobs/one/memory.stat": "inactive_file 0\n",
            "sys/fs/cgroup/jobs/memory.max": f"{50 * MB}\n",
            "sys/fs/cgroup/jobs/memory.current": f"{30 * MB}\n",
            "sys/fs/cgroup/jobs/memory.stat": "inactive_file 0\n",
        },
        20 * MB,
    ),
    "the first version, in a container that sees itself alone": (
        {
            "proc/self/cgroup": f"5:cpu:/docker/{'a' * 64}\n4:memory:/docker/{'a' * 64}\n0::/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{80 * MB}\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{75 * MB}\n",
            "sys/fs/cgroup/memory/memory.stat": f"inactive_file 0\ntotal_inactive_file {35 * MB}\n",
        },
        40 * MB,
    ),
    "a group that is full": (
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": f"{9 * MB}\n",
            "sys/fs/cgroup/memory.current": f"{10 * MB}\n",
            "sys/fs/cgroup/memory.stat": "inactive_file 0\n",
        },
        0,
    ),
    "no limit": (
        {
            "proc/self/cgroup": "4:memory:/\n0::/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{10 * MB}\n",
            "sys/fs/cgroup/memory/memory.stat": "total_inactive_file 0\n",
        },
        None,
    ),
    "no groups": ({}, None),
}


@pytest.mark.parametrize("case", CASES)
def test_what_groups_leave_counts_where_it_is_less(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every other memory limit of a test machine would have to be set by root."""
    written, left = CASES[case]
    for name, text in written.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    machines = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: machines)
    assert free_memory(tmp_path) == (machines.available if left is None else left)


def test_this_machines_groups_are_read() -> None:
    assert 0 < free_memory() <= psutil.virtual_memory().total
