"""What Modal would refuse after everything was sent, and what its client takes without a word: told before."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import PurePosixPath

from ftk.plugin import Config, Notice, Problem, seconds
from ftk_modal import gpus
from ftk_modal.images import GIVEN, VENV
from ftk_modal.inside import CACHE, RUNS
from ftk_modal.mirror import HERE
from ftk_modal.options import HOURS_24, MOST_RETRIES, Options

OURS = ("/root", "/tmp", "/__modal", RUNS, CACHE, HERE.parent.as_posix(), GIVEN, PurePosixPath(VENV).parent.as_posix())
"""Places of Modal's and of ours, where no volume can be mounted."""

SYSTEM = ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr", "/var")
"""Nor there: a container would not start."""

DISK = (524_288, 3_145_728)
"""MiB: the least and the most that can be asked for."""

MOST_MEMORY = 344_064
"""MiB of a container."""

MOST_CPU = 64


def check(config: Config) -> Iterator[Problem]:
    """Everything wrong with the settings for Modal."""
    options = Options.of(config.ftk)
    yield from _gpus(config, options)
    yield from _resources(config, options)
    yield from _limits(config, options)
    for path in options.volumes:
        if problem := _mount_problem(path):
            place = config.place(("ftk", "modal", "volumes", path))
            yield Problem(place, f"a volume cannot appear at {path}", problem)


def _gpus(config: Config, options: Options) -> Iterator[Problem]:
    place = config.place(("ftk", "resources", "gpu"))
    for gpu in options.gpus:
        if problem := gpus.problem_of(gpu):
            yield Problem(place, *problem)
    counts = {gpus.count_of(gpu) for gpu in options.gpus if gpus.problem_of(gpu) is None}
    if len(counts) > 1:
        # A training that goes on with another number of GPUs would have another batch size.
        yield Problem(
            place, "the GPUs differ in their number", "give all of the list the same, such as [H100:2, A100:2]"
        )
    if not counts:
        message = f"no GPU is hired, so that {config.provider('train')} trains on a CPU"
        yield Notice(place, message, "for more than a small model: `--gpu a100-80gb:2`, or `ftk.resources.gpu`")


def _resources(config: Config, options: Options) -> Iterator[Problem]:
    machine = options.machine()
    limits = (("cpu", MOST_CPU, "cores"), ("memory", MOST_MEMORY, "MiB"))
    for name, most, unit in limits:
        if machine.get(name, 0) > most:
            place = config.place(("ftk", "resources", name))
            yield Problem(place, f"Modal's containers have at most {most} {unit}, not {machine[name]:g}")
    disk = machine.get("ephemeral_disk")
    if disk is not None and not DISK[0] <= disk <= DISK[1]:
        place = config.place(("ftk", "modal", "ephemeral_disk"))
        yield Problem(
            place, f"Modal gives {DISK[0]} to {DISK[1]} MiB of disk, not {disk}", "leave it out for the least"
        )


def _limits(config: Config, options: Options) -> Iterator[Problem]:
    def place(name: str) -> str:
        return config.place(("ftk", "modal", name))

    if seconds(options.block["timeout"]) > HOURS_24:
        remedy = "leave it out: a command that takes longer goes on in another container"
        yield Problem(place("timeout"), "Modal stops a container after 24 hours", remedy)
    if options.block["retries"] > MOST_RETRIES:
        yield Problem(place("retries"), f"Modal retries at most {MOST_RETRIES} times", f"write {MOST_RETRIES}")
    wanted = options.block["environment"]
    if wanted and wanted != (named := _environment()):
        message = f"the environment is to be {wanted!r}, and MODAL_ENVIRONMENT and the profile name {named or 'none'}"
        yield Problem(
            place("environment"), message, f"`export MODAL_ENVIRONMENT={wanted}`: all commands then find the run"
        )


def _environment() -> str | None:
    """The environment that Modal's client will use; None where the workspace's default is meant."""
    if find_spec("modal") is None:  # which is told when the backend is made
        return None
    from modal.config import config

    named: str | None = config.get("environment")
    return named


def _mount_problem(path: str) -> str | None:
    if not path.startswith("/"):
        return "write an absolute path, such as /data"
    clean = str(PurePosixPath(path))
    taken = [place for place in (*OURS, *SYSTEM) if PurePosixPath(clean).is_relative_to(place)]
    if clean == "/" or ".." in PurePosixPath(path).parts or taken:
        return f"{', '.join(('/', *OURS, *SYSTEM))} are taken; choose another, such as /data"
    return None
