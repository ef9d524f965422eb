"""The hooks of the local backend."""

from ftk.plugin import Backend, Home, hookimpl
from ftk_local.backend import LocalBackend


@hookimpl
def backend(name: str, home: Home) -> Backend | None:
    """The backend `local`."""
    return LocalBackend(home) if name == LocalBackend.name else None
