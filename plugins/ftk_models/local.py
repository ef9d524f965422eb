"""Base models that lie on this machine."""

from pathlib import Path

from ftk.plugin import Artifact, FetchedModel, Run, files, is_there
from ftk_models.whole import find_damage

MAGIC = b"GGUF"
"""What a .gguf file begins with."""


def is_path(ref: str) -> bool:
    """Whether the name is meant as a path: it exists, or looks like nothing else."""
    meant = ref.startswith(("/", "./", "../", "~")) or (ref.endswith(".gguf") and "://" not in ref)
    return meant or is_there(Path(ref))


def find_problem(ref: str) -> str | None:
    """Why there is no model at the path."""
    path = Path(ref)
    if not is_there(path):
        return f"there is no folder or file {ref}"
    if path.is_file():
        return None if path.suffix == ".gguf" and _begins(path, MAGIC) else f"{ref} is no .gguf file"
    damage = find_damage(path)
    return f"the folder {ref} holds no whole model: {damage}" if damage else None


def _begins(path: Path, start: bytes) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(start)) == start


def fetch(run: Run, ref: str) -> FetchedModel:
    """The model's files by their content, as second names of the same data where the disk allows it."""
    path = Path(ref).expanduser()
    sources = [path] if path.is_file() else sorted(item for item in path.iterdir() if item.is_file())
    digest = files.sha256_of({item.name: files.sha256(item) for item in sources})

    def link(folder: Artifact) -> None:
        for item in sources:
            files.link_file(item, run.path(folder / item.name))

    entry = run.cached("fetched", {"content": digest}, link)
    return FetchedModel(entry / path.name if path.is_file() else entry, digest)
