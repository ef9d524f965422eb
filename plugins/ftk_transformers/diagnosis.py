"""Whether the libraries of this engine are here, and fit this machine."""

import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from ftk.plugin import Diagnosis


def diagnose(packages: tuple[str, ...], remedy: str | None) -> Iterator[Diagnosis]:
    """What is to be said of each package; nothing is imported, which would take seconds.

    :param packages: what the engine imports.
    :param remedy: what brings them.
    """
    for package in packages:
        try:
            found = version(package)
        except PackageNotFoundError:
            yield Diagnosis(package, "note", "is not installed; the engine transformers needs it", remedy)
            continue
        if package == "torch" and found.endswith("+cpu") and shutil.which("nvidia-smi"):
            detail = f"{found} is a build without CUDA, on a machine with a GPU"
            yield Diagnosis(package, "note", detail, "install PyTorch's build for CUDA, to train on the GPU")
        else:
            yield Diagnosis(package, "ok", found)
