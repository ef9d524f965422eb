"""The hooks of the local backend."""

from collections.abc import Mapping, Sequence

from ftk.plugin import Backend, Config, DatasetFormat, Home, Problem, hookimpl
from ftk_local.backend import LocalBackend


@hookimpl
def backend(name: str, home: Home) -> Backend | None:
    """The backend `local`."""
    return LocalBackend(home) if name == LocalBackend.name else None


@hookimpl
def check(config: Config, formats: Mapping[str, DatasetFormat]) -> Sequence[Problem]:
    """What would have to be hired."""
    if config.ftk["backend"] != LocalBackend.name:
        return []
    remedy = "leave it out; CUDA_VISIBLE_DEVICES chooses among its GPUs"
    return [
        Problem(config.place(("ftk", "resources", name)), f"this machine has what it has, and hires no {name}", remedy)
        for name in ("gpu", "cpu", "memory")
        if config.ftk["resources"].get(name) is not None
    ]
