"""Folders that a kill may have left half written: checkpoints and prepared data, known by the mark that is missing."""

from pathlib import Path

from ftk.plugin import files

MARKER = "complete.json"
"""Written last by `ftk_in_axolotl`: the size of each file."""


def remove_torn_checkpoints(output: Path) -> bool:
    """Remove the checkpoints that are not whole; whether one is left to go on from."""
    found = [item for item in output.glob("checkpoint-*") if item.is_dir()]
    for checkpoint in found:
        if not is_complete(checkpoint):
            files.remove(checkpoint)
    return any(checkpoint.is_dir() for checkpoint in found)


def is_complete(folder: Path) -> bool:
    """Whether all that was in a folder when it was declared complete is there."""
    marked = files.read_json(folder / MARKER)
    return marked is not None and all(_size(folder / name) == size for name, size in marked.items())


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None
