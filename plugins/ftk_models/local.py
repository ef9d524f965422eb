"""Base models that lie on this machine."""

import struct
from collections.abc import Sequence
from pathlib import Path

from ftk.plugin import Artifact, FetchedModel, FtkError, Run, UsageError, files, is_there
from ftk_models.whole import TOKENIZER, find_damage

MAGIC = b"GGUF"
"""What a .gguf file begins with."""

HEADER = struct.Struct("<4sIQQ")
"""Then come its version, and how many tensors and settings it has
(https://github.com/ggml-org/ggml/blob/master/docs/gguf.md)."""

VOCABULARIES = (TOKENIZER, "vocab*", "*.model", "*.spm", "*.tiktoken", "tekken.json")
"""Names of files of which a tokenizer has one at least."""

WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".onnx")
"""Endings of what a tokenizer has no need of."""


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
        return _file_problem(path, ref)
    damage = find_damage(path) or _no_tokenizer(path)
    return f"the folder {ref} holds no whole model: {damage}" if damage else None


def _file_problem(path: Path, ref: str) -> str | None:
    with path.open("rb") as stream:
        start = stream.read(HEADER.size)
    if path.suffix != ".gguf" or not start.startswith(MAGIC):
        return f"{ref} is no .gguf file"
    tensors = HEADER.unpack(start)[2] if len(start) == HEADER.size else 0
    return None if tensors else f"{ref} is cut short or damaged"


def _no_tokenizer(folder: Path) -> str | None:
    return None if any(item for name in VOCABULARIES for item in folder.glob(name)) else f"{TOKENIZER} is missing"


def fetch(run: Run, ref: str, tokenizer_only: bool) -> FetchedModel:
    """The model's files by their content, as copies: a second name of a file would change when its owner writes to it.

    Where the file system can, a copy shares the file's blocks until then, and takes neither room nor time.

    :raises FtkError: when it is gone, or a file changed meanwhile.
    """
    path = Path(ref).expanduser()
    if not is_there(path):
        raise UsageError(f"base_model {ref} is gone, and the cache has no copy of it", "put it back where it was")
    sources = [path] if path.is_file() else _files(path, without=WEIGHTS if tokenizer_only else ())
    states = [_state(item) for item in sources]
    digest = files.sha256_of({item.name: files.sha256(item) for item in sources})

    def copy(folder: Artifact) -> None:
        for item in sources:
            files.copy_file(item, run.path(folder / item.name))
        if [_state(item) for item in sources] != states:
            remedy = f"`ftk run --resume {run.id}` takes it as it is then"
            raise FtkError(f"base_model {ref} changed while it was copied", remedy)

    entry = run.cached("fetched", {"content": digest}, copy)
    return FetchedModel(entry / path.name if path.is_file() else entry, digest)


def _files(folder: Path, without: Sequence[str]) -> list[Path]:
    return sorted(item for item in folder.iterdir() if item.is_file() and item.suffix not in without)


def _state(path: Path) -> tuple[int, int, int]:
    """What differs after a file was written to, or replaced."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
