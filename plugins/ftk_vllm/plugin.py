"""The hooks of vLLM: it serves models, from an environment of its own."""

from collections.abc import Sequence
from pathlib import Path

from ftk.plugin import Advice, Endpoint, Environment, Run, Served, hookimpl, stage
from ftk_vllm import serving
from ftk_vllm.advice import ADVICE

_LOCKS = Path(__file__).with_name("locks")

ENVIRONMENT = Environment(
    "vllm",
    modules=("vllm",),
    remedy="name one that has it, `--set ftk.environments.vllm=/path/to/python`, or none: ftk builds its own",
    locks={"cpu": _LOCKS / "cpu.txt", "cuda": _LOCKS / "cuda.txt"},
)


@stage(revision=1, environment=ENVIRONMENT.name, default=("cuda",))
def serve(run: Run, models: Sequence[Served]) -> Endpoint:
    """The server of vLLM: a whole model, or a base model with the adapters of runs."""
    return serving.describe(run, models, ENVIRONMENT.name)


@hookimpl
def environment(name: str) -> Environment | None:
    """The environment of vLLM."""
    return ENVIRONMENT if name == ENVIRONMENT.name else None


@hookimpl
def advice() -> Sequence[Advice]:
    """Why vLLM does not start."""
    return ADVICE
