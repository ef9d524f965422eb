"""GPUs are found and counted as CUDA would show them, without PyTorch."""

import os
from pathlib import Path

import pytest

from ftk import accelerator
from ftk.accelerator import Accelerator, count_visible, find_accelerator

TWO = ("GPU-aaaa1111", "GPU-bbbb2222")

LISTED = """\
GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-aaaa1111)
  MIG 1g.10gb     Device  0: (UUID: MIG-cccc3333)
GPU 1: NVIDIA A100-SXM4-80GB (UUID: GPU-bbbb2222)
"""


@pytest.mark.parametrize(
    ("named", "count"),
    [
        (None, 2),
        ("", 0),
        ("-1", 0),
        ("0", 1),
        ("1,0", 2),
        ("0, 1", 2),
        ("0,0", 1),
        ("0,7,1", 1),
        ("7", 0),
        ("GPU-bbbb", 1),
        ("GPU-bbbb2222,GPU-dddd", 1),
        ("MIG-cccc3333", 1),
        ("NoDevFiles", 0),
    ],
)
def test_the_visible_ones_are_counted(named: str | None, count: int) -> None:
    assert count_visible(TWO, named) == count


def test_without_a_gpu_nothing_is_visible() -> None:
    assert [count_visible((), named) for named in (None, "0", "GPU-aaaa", "MIG-cccc")] == [0, 0, 0, 0]


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script in place of nvidia-smi, which lists two GPUs."""
    script = tmp_path / "nvidia-smi"
    script.write_text(f"#!/bin/sh\ncat <<'END'\n{LISTED}END\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return script


def test_gpus_are_listed_by_nvidia_smi(nvidia_smi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_accelerator() == Accelerator("cuda", 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert find_accelerator() == Accelerator("cuda", 1)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert find_accelerator() == Accelerator("cpu")


def test_nvidia_smi_is_asked_once(nvidia_smi: Path) -> None:
    calls = nvidia_smi.with_name("calls")
    nvidia_smi.write_text(f"{nvidia_smi.read_text()}echo >> {calls}\n")
    assert {find_accelerator() for _ in range(3)} == {Accelerator("cuda", 2)}
    assert calls.read_text() == "\n"


@pytest.mark.parametrize(
    "body", ["echo 'NVIDIA-SMI has failed'; exit 9", "echo 'No devices were found'; exit 6", "exit 0"]
)
def test_a_driver_that_does_not_answer_is_no_gpu(body: str, nvidia_smi: Path) -> None:
    nvidia_smi.write_text(f"#!/bin/sh\n{body}\n")
    assert find_accelerator() == Accelerator("cpu")


def test_without_nvidia_smi_the_driver_lists_its_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(accelerator, "DRIVER_FOLDER", tmp_path / "gpus")
    assert find_accelerator() == Accelerator("cpu")
    (tmp_path / "gpus" / "0000:01:00.0").mkdir(parents=True)
    assert find_accelerator() == Accelerator("cuda", 1)
