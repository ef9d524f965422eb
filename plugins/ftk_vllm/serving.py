"""The command that serves models with vLLM: what its users type, with the settings of `ftk.serve`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from ftk.plugin import HOST, PORT, PYTHON, Artifact, Command, Endpoint, Run, Served, tokenizer_digest
from ftk_vllm import cpu, passed
from ftk_vllm.adapters import room_for
from ftk_vllm.architecture import Architecture, read_architecture
from ftk_vllm.refusals import refuse

MODULE = "vllm.entrypoints.openai.api_server"
"""What `vllm serve` runs; that script looks for a distribution called `vllm`, which the one for CPUs is not."""

KEY_VARIABLE = "VLLM_API_KEY"

GUARD = Path(__file__).parent / "engine" / "ftk_guard.py"

GUARDED = ("--middleware", "ftk_guard.Guard")
"""The options for the guard, which vLLM has where it needs one: with a key, or a largest size of requests."""

LIMIT_VARIABLE = "FTK_MAX_REQUEST_BYTES"

BASE = "base"
"""The name of a base model that is there for its adapters only."""

Part = str | Artifact


def describe(run: Run, models: Sequence[Served], environment: str) -> Endpoint:
    """The server of these models, not started.

    :param environment: the name of the one with vLLM.
    :raises FtkError: where vLLM cannot serve one of them.
    """
    folder = models[0].model.folder
    architecture = read_architecture(run.path(folder))
    on_cpu = run.accelerator().kind == "cpu"
    limit = run.config.ftk["serve"]["max_request_bytes"]
    refuse(run, models, architecture)
    name = next((item.name for item in models if item.model.adapter is None), BASE)
    what = ("--model", folder, *_tokenizer(run, folder), "--served-model-name", name)
    argv = [
        *(PYTHON, "-m", MODULE, *what, "--host", HOST, "--port", PORT),
        *_settings(run, architecture, on_cpu),
        *(cpu.ARGUMENTS if on_cpu else _gpus(run, architecture)),
        *_adapters(run, models, on_cpu),
        *(("--trust-remote-code",) if run.config.get("trust_remote_code") else ()),
        *(GUARDED if limit else ()),
        *run.config.ftk["serve"]["arguments"],
    ]
    return Endpoint(
        Command(tuple(argv), environment, variables=_variables(run, on_cpu, limit)),
        key_variable=KEY_VARIABLE,
        key_arguments=() if limit else GUARDED,
    )


def _tokenizer(run: Run, model: Artifact) -> tuple[Part, ...]:
    """The option for the run's tokenizer, unless the model has the same: vLLM waits for a model's config beside it."""
    tokenizer = run.tokenizer()
    same = tokenizer_digest(run.path(tokenizer)) == tokenizer_digest(run.path(model))
    return () if same else ("--tokenizer", tokenizer)


def _settings(run: Run, architecture: Architecture, on_cpu: bool) -> Iterator[str]:
    """The options that settings of `ftk.serve` mean."""
    given = dict(run.config.ftk["serve"])
    given["dtype"] = given["dtype"] or ("float32" if on_cpu else architecture.dtype)
    for option, name in passed.SETTINGS.items():
        if given[name]:
            yield from (option, str(given[name]))
    if on_cpu and not given["gpu_memory"]:
        yield from cpu.CACHE


def _gpus(run: Run, architecture: Architecture) -> tuple[str, ...]:
    """The model is spread over all GPUs, as far as its heads can be divided."""
    count = run.accelerator().count
    parts = architecture.largest_split(count)
    if parts < count:
        run.notice(
            f"vLLM takes {parts} of {count} GPUs: {architecture.heads} attention heads cannot be divided by more"
        )
    return ("--tensor-parallel-size", str(parts)) if parts > 1 else ()


def _adapters(run: Run, models: Sequence[Served], on_cpu: bool) -> Iterator[str]:
    """The options for the adapters of runs, if there are any."""
    adapters = {item.name: item.model.adapter for item in models if item.model.adapter}
    if not adapters:
        return
    count = cpu.slots(len(adapters)) if on_cpu else len(adapters)
    rank = room_for([run.path(adapter) for adapter in adapters.values()])
    yield from ("--enable-lora", "--max-loras", str(count), "--max-lora-rank", str(rank), "--lora-modules")
    # The server works in the run's folder.
    yield from (f"{name}={'../' * (adapter.root == 'runs')}{adapter.path}" for name, adapter in adapters.items())


def _variables(run: Run, on_cpu: bool, limit: int | None) -> dict[str, Part]:
    return {
        "HF_HUB_OFFLINE": "1",  # model and tokenizer are here
        "VLLM_NO_USAGE_STATS": "1",
        "PYTHONSAFEPATH": "1",  # a file of the run must not take the place of a module
        "PYTHONPATH": run.ship(GUARD),
        "SPT_NOENV": "1",  # a process that names itself keeps its environment, by which it is found and ended
        **({LIMIT_VARIABLE: str(limit)} if limit else {}),
        **(cpu.VARIABLES if on_cpu else {}),
    }
