"""Look at this machine and this installation, as far as the core knows them; plugins add what they know."""

import fcntl
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ftk import __version__
from ftk.accelerator import DRIVER_FOLDER, PATIENCE
from ftk.backend import Backend
from ftk.diagnosis import Diagnosis
from ftk.home import Home
from ftk.hooks.loading import find_plugins
from ftk.hooks.manager import Manager
from ftk.hooks.stages import PROVIDED

OLDEST_PYTHON = (3, 11)

LITTLE_MEMORY = 2
"""GiB that even a small model needs."""

LITTLE_DISK = 10
"""GiB below which the weights of a model may not find room."""

GPU_QUERY = "name,memory.total,driver_version"


def examine(home: Home, manager: Manager, backend: Backend) -> Iterator[Diagnosis]:
    """Everything that can be found, one after the other."""
    yield from _software()
    yield from _machine()
    yield from _gpus()
    for name, folder in (("runs", home.runs), ("cache", home.cache)):
        yield _disk(name, folder)
    yield _locks(home.runs)
    yield _clock()
    yield from _environments(manager, backend)
    yield from manager.diagnose()
    yield from _plugins(manager)  # last, since only now it is known of each one whether its hooks work


def _software() -> Iterator[Diagnosis]:
    fits = sys.version_info >= OLDEST_PYTHON
    remedy = None if fits else f"install Python {'.'.join(map(str, OLDEST_PYTHON))} or later"
    detail = f"{platform.python_version()} at {sys.executable}"
    yield Diagnosis("Python", "ok" if fits else "broken", detail, remedy)
    yield Diagnosis("ftk", "ok", __version__)


def _plugins(manager: Manager) -> Iterator[Diagnosis]:
    for plugin in find_plugins():
        name, problem = f"plugin {plugin.name}", manager.broken.get(plugin.name)
        if problem:
            remedy = f"mend it, or leave it out: FTK_DISABLE_PLUGINS={plugin.name}"
            yield Diagnosis(name, "broken", problem, remedy)
        else:
            disabled = "" if plugin.name in manager.names() else ", disabled"
            yield Diagnosis(name, "ok", f"{plugin.package} {plugin.version}{disabled}")


def _machine() -> Iterator[Diagnosis]:
    import psutil

    memory = psutil.virtual_memory()
    free = memory.available / 2**30
    yield Diagnosis("CPUs", "ok", f"{len(os.sched_getaffinity(0))} usable, {platform.machine()}")
    detail = f"{free:.1f} GiB available of {memory.total / 2**30:.1f}"
    if free < LITTLE_MEMORY:
        yield Diagnosis("memory", "note", detail, "end other programs; even a small model needs 2 GiB")
    else:
        yield Diagnosis("memory", "ok", detail)


def _gpus() -> Iterator[Diagnosis]:
    """GPUs and driver, by `nvidia-smi`."""
    program = shutil.which("nvidia-smi")
    if program is None:
        there = DRIVER_FOLDER.is_dir()
        detail = "a driver is loaded, but there is no nvidia-smi" if there else "none; training goes on the CPU"
        yield Diagnosis("GPU", "note" if there else "ok", detail, "install nvidia-utils" if there else None)
        return
    query = [program, f"--query-gpu={GPU_QUERY}", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=PATIENCE)
        said, failed = (done.stdout + done.stderr).strip(), done.returncode != 0
    except (OSError, subprocess.TimeoutExpired) as error:
        said, failed = str(error), True
    if failed:
        first = said.splitlines()[0] if said else "it says nothing"
        yield Diagnosis("GPU", "broken", f"nvidia-smi fails: {first}", "reinstall the driver, or reboot")
        return
    for line in said.splitlines():
        yield Diagnosis("GPU", "ok", line.replace(", ", "; "))


def _disk(name: str, folder: Path) -> Diagnosis:
    there = _nearest(folder)
    free = shutil.disk_usage(there).free / 2**30
    detail = f"{folder}: {free:.1f} GiB free"
    try:
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        return Diagnosis(
            f"folder of {name}", "broken", f"{folder} cannot be written: {error.strerror}", _elsewhere(name)
        )
    if free < LITTLE_DISK:
        return Diagnosis(f"folder of {name}", "note", detail, f"free some space, or {_elsewhere(name)}")
    return Diagnosis(f"folder of {name}", "ok", detail)


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(item for item in (folder, *folder.parents) if item.exists())


def _elsewhere(name: str) -> str:
    return f"name another folder: FTK_{name.upper()}_DIR"


def _locks(runs: Path) -> Diagnosis:
    """Whether a lock keeps a second one out where runs lie, which some network file systems do not do."""
    remedy = f"put runs on a local disk: {_elsewhere('runs')}"
    try:
        with tempfile.NamedTemporaryFile(dir=_nearest(runs)) as file, Path(file.name).open("rb") as other:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return Diagnosis("file locks", "ok", "work in the folder of runs")
    except OSError as error:
        return Diagnosis("file locks", "broken", f"do not work in {runs}: {error}", remedy)
    return Diagnosis("file locks", "broken", f"keep nobody out in {runs}", remedy)


def _clock() -> Diagnosis:
    """Whether it can be now: certificates and tokens are refused where the clock is wrong."""
    now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    if time.time() < Path(__file__).stat().st_mtime - 86400:
        return Diagnosis("clock", "broken", f"{now} is before ftk was installed", "set the clock")
    return Diagnosis("clock", "ok", now)


def _environments(manager: Manager, backend: Backend) -> Iterator[Diagnosis]:
    """The environments of all providers."""
    declared = [item.environment for stage in PROVIDED for item in manager.declarations(stage).values()]
    for name in dict.fromkeys(filter(None, declared)):
        environment = manager.environment(name)
        problem = backend.find_problem(environment)
        kind = "made from its lock when it is needed" if environment.locks else "in ftk's own interpreter"
        verdict = Diagnosis(f"environment {name}", "ok", kind)
        yield Diagnosis(verdict.subject, "note", problem, environment.remedy) if problem else verdict
