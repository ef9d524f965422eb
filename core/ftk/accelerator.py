"""Which accelerator a machine has: found and counted without PyTorch, which would take seconds and gigabytes."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Kind = Literal["cpu", "cuda"]

DRIVER_FOLDER = Path("/proc/driver/nvidia/gpus")
"""Where NVIDIA's driver lists its GPUs in Linux, also where a container image lacks `nvidia-smi`."""

PATIENCE = 30.0
"""Seconds that `nvidia-smi` may take; it wakes GPUs that sleep."""


@dataclass(frozen=True)
class Accelerator:
    """What commands compute with.

    :param kind: `cpu` or `cuda`.
    :param count: GPUs; 0 on a CPU.
    """

    kind: Kind
    count: int = 0


def find_accelerator() -> Accelerator:
    """This machine's, as CUDA shows it to a process: `CUDA_VISIBLE_DEVICES` hides GPUs."""
    count = count_visible(_uuids(), os.environ.get("CUDA_VISIBLE_DEVICES"))
    return Accelerator("cuda", count) if count else Accelerator("cpu")


def count_visible(uuids: Sequence[str], named: str | None) -> int:
    """How many GPUs a process sees.

    See "CUDA Environment Variables" in NVIDIA's CUDA programming guide: the first name that fits no GPU ends the list.

    :param uuids: one for each GPU of the machine, in CUDA's order.
    :param named: `CUDA_VISIBLE_DEVICES`: numbers or the beginnings of UUIDs, separated by commas; None for all.
    """
    if named is None:
        return len(uuids)
    names = [name.strip() for name in named.split(",")]
    valid = [_is_gpu(name, uuids) for name in names]
    return len(set(names[: valid.index(False)] if False in valid else names))


def _is_gpu(name: str, uuids: Sequence[str]) -> bool:
    if name.isdecimal():
        return int(name) < len(uuids)
    # Parts of a GPU (MIG) are listed beneath it, and are seen one at a time only.
    return (
        bool(uuids)
        and name.startswith(("GPU-", "MIG-"))
        and (name.startswith("MIG-") or any(uuid.startswith(name) for uuid in uuids))
    )


def _uuids() -> Sequence[str]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return sorted(item.name for item in DRIVER_FOLDER.iterdir()) if DRIVER_FOLDER.is_dir() else []
    return _listed_by(program)


@cache
def _listed_by(program: str) -> Sequence[str]:
    """The GPUs that `nvidia-smi` lists; it is asked once by each process, since that may take a second."""
    try:
        listed = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    # A machine without a GPU, or whose driver does not answer, prints a sentence and fails.
    return re.findall(r"^GPU \d+: .*\(UUID: (\S+)\)", listed.stdout, re.MULTILINE) if not listed.returncode else ()
