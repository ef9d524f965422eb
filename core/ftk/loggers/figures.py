"""Figures of the machine that a run works on: processor, memory, GPUs."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress

GPU_FIGURES = ("utilization.gpu", "memory.used", "temperature.gpu", "power.draw")
"""What is asked of nvidia-smi: percent, MiB, degrees Celsius, watts."""

GPU_NAMES = ("percent", "memory_gib", "temperature", "power_watts")

PATIENCE = 5.0
"""Seconds that nvidia-smi may take."""


class Figures:
    """Measures the machine, and the processes of one run.

    :param driver: the number of the process with which those processes begin.
    """

    def __init__(self, driver: int) -> None:
        import psutil

        psutil.cpu_percent()  # measures from call to call
        self._driver = driver

    def measure(self) -> dict[str, float]:
        """What is to be seen now, by name."""
        return {f"system/{name}": value for name, value in (*self._processor(), *gpu_figures())}

    def _processor(self) -> Iterator[tuple[str, float]]:
        import psutil

        yield "cpu_percent", psutil.cpu_percent()
        yield "memory_percent", psutil.virtual_memory().percent
        yield "run_memory_gib", self._memory_of_run() / 2**30

    def _memory_of_run(self) -> int:
        import psutil

        total = 0
        with suppress(psutil.Error):
            driver = psutil.Process(self._driver)
            for process in (driver, *driver.children(recursive=True)):
                with suppress(psutil.Error):  # it is gone by now
                    total += process.memory_info().rss
        return total


def gpu_figures() -> Iterator[tuple[str, float]]:
    """Figures of each GPU, such as `gpu.0.percent`; none where there is no nvidia-smi."""
    query = ["nvidia-smi", f"--query-gpu=index,{','.join(GPU_FIGURES)}", "--format=csv,noheader,nounits"]
    try:
        printed = subprocess.run(query, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return
    for line in printed.splitlines():
        index, *values = (part.strip() for part in line.split(","))
        for name, value in zip(GPU_NAMES, values, strict=True):
            with suppress(ValueError):  # `[N/A]`, which this GPU does not measure
                yield f"gpu.{index}.{name}", float(value) / (1024 if name == "memory_gib" else 1)
