"""How axolotl is started: as its own users do, one process a GPU."""

from collections.abc import Iterator

from ftk.plugin import PYTHON, Artifact, Config, Problem, Schema
from ftk_axolotl.raw import is_raw

MODULE = "axolotl.cli.train"

SHUTDOWN = 300
"""Seconds in which the processes of a training that is asked to stop may write their checkpoint."""

HUB_KEYS = ("hub_model_id", "push_dataset_to_hub", "processor_type", "trust_remote_code")
"""Keys for which axolotl asks the hub itself."""

BLOCK: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "nproc": {
            "type": ["integer", "null"],
            "minimum": 1,
            "default": None,
            "description": "processes that train together; empty for one a GPU",
        },
        "launcher": {
            "enum": ["python", "torchrun", "accelerate", None],
            "default": None,
            "description": "empty for python where one process trains, else torchrun",
        },
        "telemetry": {"type": "boolean", "default": False, "description": "let axolotl report its use to its makers"},
    },
}
"""The block `ftk.axolotl` of a config."""


def find_launch_problems(config: Config) -> Iterator[Problem]:
    """What contradicts itself in the block."""
    block = config.ftk["axolotl"]
    if block["launcher"] == "python" and (block["nproc"] or 1) > 1:
        place = config.place(("ftk", "axolotl", "launcher"))
        yield Problem(
            place, f"python starts one process, not {block['nproc']}", "leave `launcher` out, or lower `nproc`"
        )


def argv(
    launcher: str | None, nproc: int, gpus: int, arguments: tuple[str | Artifact, ...], module: str = MODULE
) -> tuple[str | Artifact, ...]:
    """The command that trains, or evaluates.

    :param launcher: `python`, `torchrun` or `accelerate`; None for the one that is needed.
    :param nproc: processes that train together.
    :param gpus: how many there are; a plain Python would spread its one process over several.
    :param arguments: axolotl's.
    :param module: of axolotl.
    """
    if launcher == "accelerate" and nproc == 1:
        launcher = None  # accelerate would start one python too, and pass no signal on to it
    match launcher or ("python" if nproc == 1 and gpus < 2 else "torchrun"):
        case "python":
            start: tuple[str, ...] = ("-m",)
        case "torchrun":
            start = ("-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={nproc}", "-m")
        case _:
            # Its word for several processes is --multi_gpu, also where there is none; port 0 is any that is free.
            together = ("--multi_gpu", f"--num_processes={nproc}", "--num_machines=1", "--main_process_port=0")
            start = ("-m", "accelerate.commands.launch", *together, "-m")
    return (PYTHON, *start, module, *arguments)


def variables(config: Config, nproc: int, on_cpu: bool) -> dict[str, str]:
    """The environment of the command.

    :param config: the run's.
    :param nproc: processes that train together.
    :param on_cpu: whether there is no GPU.
    """
    together_on_cpu = on_cpu and nproc > 1 and not config.get("deepspeed")
    values = {
        "FTK_WORLD_SIZE": str(nproc),
        "TORCH_ELASTIC_SHUTDOWN_TIMEOUT": str(SHUTDOWN),
        # With this set, DeepSpeed is silently left out; without it, processes of a CPU train each for itself.
        "ACCELERATE_USE_CPU": "true" if together_on_cpu else "false",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONSAFEPATH": "1",  # a file of the run must not take the place of a module
    }
    if not config.ftk["axolotl"]["telemetry"]:
        values["AXOLOTL_DO_NOT_TRACK"] = "1"
    if not is_raw(config) and not any(config.get(key) for key in HUB_KEYS):
        values["HF_HUB_OFFLINE"] = "1"  # model and data are here
    return values
