"""Packages that are compiled for one PyTorch and one CUDA: their wheels have both in the version that is asked for."""

from collections.abc import Mapping
from pathlib import Path

from ftk.environments.interpreter import ask

# Its `version.py` is run alone: PyTorch itself takes seconds to import.
VERSIONS = """
import importlib.util, pathlib, runpy
found = importlib.util.find_spec("torch")
values = runpy.run_path(str(pathlib.Path(found.origin).with_name("version.py"))) if found else {}
print(values.get("__version__", ""), values.get("cuda") or "")
"""


def fitting(requirement: str, torch: str, cuda: str) -> str | None:
    """A requirement whose `{torch}` and `{cuda}` are filled in, such as `x==1.0+cu{cuda}torch{torch}`.

    :param torch: PyTorch's version, such as `2.13.0+cu130`; `{torch}` is the first two numbers of it.
    :param cuda: the version of CUDA that it was built for, such as `13.0`; `{cuda}` is the first number of it.
    :returns: None where nothing can be filled in: there is no PyTorch, or it is without CUDA.
    """
    values: Mapping[str, str] = {"torch": ".".join(torch.split(".")[:2]), "cuda": cuda.split(".")[0]}
    for name, value in values.items():
        if f"{{{name}}}" in requirement and not value:
            return None
        requirement = requirement.replace(f"{{{name}}}", value)
    return requirement


def versions_in(python: Path) -> tuple[str, str]:
    """The versions of PyTorch and of its CUDA in an environment; empty where there is none."""
    torch, cuda = ask(python, VERSIONS).rstrip("\n").split(" ")
    return torch, cuda
