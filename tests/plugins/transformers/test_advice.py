"""What this engine's failures are answered with."""

import pytest

from ftk.advice import find_advice
from ftk_transformers.advice import ADVICE


@pytest.mark.parametrize(
    ("output", "meaning", "remedy"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", "the GPU's memory is used up", "lower"),
        ("RuntimeError: CUDA error: out of memory", "the GPU's memory is used up", "lower"),
        ("error: nothing to train: the training set has no rows", "the training would have no step", "add rows"),
        ("RuntimeError: The NVIDIA driver on your system is too old (found version 11040)", "driver", "update"),
        ("CUDA error: CUDA driver version is insufficient for CUDA runtime version", "driver is too old", "update"),
        ("CUDA error: no kernel image is available for execution on the device", "no code for this GPU", "install"),
        ("RuntimeError: CUDA error: device-side assert triggered", "an index out of range", "CUDA_VISIBLE_DEVICES"),
        ("ModuleNotFoundError: No module named 'uvicorn'", "the libraries of the embedded server", "pip install"),
        ("ValueError: Target modules {'x'} not found in the base model.", "lora_target_modules", "correct the names"),
    ],
)
def test_a_known_failure_is_answered(output: str, meaning: str, remedy: str) -> None:
    found = find_advice(f"Traceback (most recent call last):\n{output}\n", 1, ADVICE)
    assert found is not None
    assert meaning in found.meaning
    assert remedy in found.remedy
