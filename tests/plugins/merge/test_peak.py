"""A merge takes memory by its largest tensor, however many layers the model has."""

import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

WIDTH = 1024

LARGEST = 4 * 16 * WIDTH * WIDTH
"""Bytes of the largest tensor in float32, an embedding of sixteen times the width: 64 MiB."""

LAYERS = 6
"""With twice as many, all weights in bfloat16 take more than the limit: a merge that held them all would fail."""

IDLE = "import ftk_merge.merge, ftk_merge.adapter, ftk_merge.companions, ftk_merge.room, ftk_merge.writing"
"""What the merge imports."""

MERGE = """
import os
os.cpu_count = lambda: 8  # as many files at the same time as on a machine with many processors
from ftk_merge.command import run_command
from ftk_merge.merge import merge
run_command(merge)
"""

TELL = """
from pathlib import Path
print(Path("/proc/self/status").read_text())
"""
"""Told by itself: what others are told of a process counts what its parent held when it was started."""


@pytest.mark.slow
def test_the_peak_is_bounded_by_the_largest_tensor(root: Path, tmp_path: Path) -> None:
    idle = _peak(IDLE)
    once, twice = (_peak_of_merge(layers, root, tmp_path) - idle for layers in (LAYERS, 2 * LAYERS))
    assert once <= 4 * LARGEST, f"{once / LARGEST:.2f} of the largest tensor"
    assert twice <= 4 * LARGEST, f"{twice / LARGEST:.2f} of the largest tensor at twice the depth"


def _peak_of_merge(layers: int, root: Path, parent: Path) -> int:
    with TemporaryDirectory(dir=parent) as name:
        folder = Path(name)
        make = [sys.executable, root / "tests/benchmarks/merging_models.py", str(layers), str(WIDTH), folder]
        subprocess.run(make, check=True, capture_output=True)
        base, adapter, merged = (folder / part for part in ("base", "adapter", "merged"))
        files = {path.name for path in base.glob("*.safetensors")}
        assert len(files) > 4
        peak = _peak(MERGE, base, adapter, merged, base)
        assert {path.name for path in merged.glob("*.safetensors")} == files
        return peak


def _peak(script: str, *arguments: Path) -> int:
    """The most bytes that an interpreter held."""
    variables = {name: value for name, value in os.environ.items() if name != "FTK_EVENTS"}
    command = [sys.executable, "-c", script + TELL, *arguments]
    told = subprocess.run(command, env=variables, check=True, stdout=subprocess.PIPE, text=True).stdout
    return 1024 * int(re.findall(r"^VmHWM:\s+(\d+) kB$", told, re.MULTILINE)[0])
