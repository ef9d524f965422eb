"""What every command of this engine finds in its environment."""

import os
import subprocess
import sys

import pytest

SHOW = """
import os, sys
from ftk_transformers.command import run_command
run_command(lambda: print("torch" in sys.modules, os.environ["CUDA_VISIBLE_DEVICES"]))
"""


@pytest.mark.parametrize(
    ("given", "seen"), [(None, "0"), ("2,3", "2"), ("GPU-a,GPU-b", "GPU-a"), ("", ""), ("-1", "-1")]
)
def test_one_gpu_is_seen_before_torch_looks(given: str | None, seen: str) -> None:
    kept = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    variables = kept if given is None else {**kept, "CUDA_VISIBLE_DEVICES": given}
    done = subprocess.run([sys.executable, "-c", SHOW], env=variables, capture_output=True, text=True, check=True)
    assert done.stdout == f"False {seen}\n"
