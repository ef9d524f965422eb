"""The hooks of the backend for Modal."""

from collections.abc import Mapping, Sequence

from ftk.plugin import Advice, Backend, Config, DatasetFormat, Diagnosis, Home, Problem, Schema, hookimpl
from ftk_modal import checks
from ftk_modal.advice import ADVICE
from ftk_modal.options import BLOCK


@hookimpl
def backend(name: str, home: Home) -> Backend | None:
    """The backend `modal`."""
    if name != "modal":
        return None
    from ftk_modal.backend import ModalBackend

    return ModalBackend(home)


@hookimpl
def config_block() -> dict[str, Schema]:
    """The block `modal`."""
    return {"modal": BLOCK}


@hookimpl
def check(config: Config, formats: Mapping[str, DatasetFormat]) -> Sequence[Problem]:
    """What Modal would refuse, where the run is to be there."""
    return list(checks.check(config)) if config.ftk["backend"] == "modal" else []


@hookimpl
def diagnose() -> Sequence[Diagnosis]:
    """Whether Modal can be used: client, token, volumes and secrets."""
    from ftk_modal.diagnosis import diagnosed

    return list(diagnosed())


@hookimpl
def advice() -> Sequence[Advice]:
    """Known failures of Modal's client and service."""
    return ADVICE
