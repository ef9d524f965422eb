"""Folders that a kill may have left half written: checkpoints and prepared data, known by the mark that is missing."""

from collections.abc import Callable
from pathlib import Path

from ftk.plugin import FtkError, files

MARKER = "complete.json"
"""Written last by `ftk_in_axolotl`: the size of each file."""


def remove_torn_checkpoints(output: Path, notice: Callable[[str], None]) -> bool:
    """Remove the checkpoints that are not whole; whether one is left to go on from.

    :param notice: is told of each that goes.
    """
    found = [item for item in output.glob("checkpoint-*") if item.is_dir()]
    for checkpoint in found:
        if not is_complete(checkpoint):
            notice(f"{checkpoint.name} is removed, since it is not whole")
            files.remove(checkpoint)
    return any(checkpoint.is_dir() for checkpoint in found)


def is_complete(folder: Path) -> bool:
    """Whether all that was in a folder when it was declared complete is there."""
    try:
        marked = files.read_json(folder / MARKER)
    except FtkError:
        return False
    return isinstance(marked, dict) and files.has_sizes(folder, marked)
