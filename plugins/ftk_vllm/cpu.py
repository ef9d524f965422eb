"""What vLLM must be told where there is no GPU: the adaptation to CPUs."""

from collections.abc import Mapping

from ftk.plugin import FtkError
from ftk_vllm.architecture import Architecture

ARGUMENTS = (
    "--enforce-eager",  # compiling takes longer than a start, and gains little
    *("--distributed-executor-backend", "uni"),  # one process computes, instead of one that waits for another
)

CACHE = ("--kv-cache-memory-bytes", "1G")
"""The memory for what running requests have computed; by itself, vLLM would take nearly all of the machine's."""

VARIABLES: Mapping[str, str] = {"VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
"""With which alone vLLM takes `uni` on a CPU."""

HEAD_SIZES = (32, 64, 80, 96, 112, 128, 160, 192, 224, 256, 512)
"""Of vLLM's attention on CPUs (`get_supported_head_sizes` in its `cpu_attn.py`)."""


def refuse_head_size(architecture: Architecture) -> None:
    """Stop at a model with which vLLM would start, say that it is ready, and die with the first request.

    :raises FtkError: where the heads have another size than vLLM knows.
    """
    size = architecture.head_size
    if size and size not in HEAD_SIZES:
        known = ", ".join(map(str, HEAD_SIZES))
        raise FtkError(
            f"on a CPU, vLLM knows attention heads of the sizes {known}; this model's have {size}",
            "choose another server: `ftk serve RUN --server NAME`",
        )


def slots(adapters: int) -> int:
    """How many adapters vLLM is told to hold at once.

    One more than there are: on CPUs, vLLM 0.32 answers requests to the base model with whatever lies in the last one.
    """
    return adapters + 1
