"""Checkpoints on the disk: which are complete, which is the newest, which may go."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ftk.files import remove, sha256, write_json
from ftk_transformers.embeddings import ADAPTER_WEIGHTS

MARKER = "complete.json"
"""Written last into a checkpoint: the state of each of its files. Without it, a checkpoint does not count."""

PREFIX = "checkpoint-"

LOCAL_FILES = ("README.md", "training_args.bin")
"""Written by peft and the trainer, full of this machine's paths, and read by nobody."""


def step_of(checkpoint: Path) -> int:
    """How many steps were done when the checkpoint was written."""
    return int(checkpoint.name.removeprefix(PREFIX))


def checkpoint_at(output: Path, step: int) -> Path:
    """The folder of the checkpoint that is written after `step` steps."""
    return output / f"{PREFIX}{step}"


def make_portable(checkpoint: Path, base_model: str) -> None:
    """Take this machine out of a checkpoint, so that it is the same wherever it was written.

    :param base_model: the name of the base model in the config, in place of its path on this machine.
    """
    for name in LOCAL_FILES:
        remove(checkpoint / name)
    path = checkpoint / "adapter_config.json"
    if path.exists():
        config = json.loads(path.read_text())
        config["base_model_name_or_path"] = base_model
        # peft writes a set in whatever order this process has it in.
        for name in ("target_modules", "modules_to_save"):
            if isinstance(config[name], list):
                config[name].sort()
        write_json(path, config)
    path = checkpoint / "trainer_state.json"
    write_json(path, {**json.loads(path.read_text()), "best_model_checkpoint": None})  # its step says the same


def mark_complete(checkpoint: Path) -> None:
    """Declare a checkpoint complete, once all its files are sure to be on the disk."""
    files = _files(checkpoint)
    for name in files:
        with (checkpoint / name).open("rb") as stream:
            os.fsync(stream.fileno())
    write_json(checkpoint / MARKER, {name: _state(checkpoint / name) for name in files})


def newest_complete(output: Path, notice: Callable[[str], None]) -> Path | None:
    """The checkpoint to go on from, if any. Those that a kill left half written or half removed go away.

    :param notice: is told of each that goes.
    """
    complete = []
    for checkpoint in _checkpoints(output):
        if _is_complete(checkpoint):
            complete.append(checkpoint)
        else:
            notice(f"{checkpoint.name} is removed, since it is not whole")
            remove(checkpoint)
    return complete[-1] if complete else None


def remove_oldest(output: Path, limit: int, best: int | None = None) -> None:
    """Keep the newest `limit` checkpoints, one at least.

    :param best: the step of a checkpoint that is kept in any case.
    """
    for checkpoint in _checkpoints(output)[: -max(limit, 1)]:
        if step_of(checkpoint) != best:
            remove(checkpoint)


def _checkpoints(output: Path) -> list[Path]:
    """All checkpoints, complete or not, the newest last; a copy that a person made under another name is none."""
    found = (item for item in output.glob(f"{PREFIX}*") if item.name.removeprefix(PREFIX).isdecimal())
    return sorted((item for item in found if item.is_dir()), key=step_of)


def _is_complete(checkpoint: Path) -> bool:
    """Whether all that was in a checkpoint when it was declared complete is there, whatever others put beside it."""
    try:
        marked = json.loads((checkpoint / MARKER).read_text())
    except (FileNotFoundError, ValueError):
        return False
    return isinstance(marked, dict) and all(_is_as(state, checkpoint / name) for name, state in marked.items())


def _is_as(state: Any, path: Path) -> bool:
    """Whether a file is as it was marked, in an older checkpoint by its size alone."""
    return path.is_file() and (state == path.stat().st_size or state == _state(path))


def _state(path: Path) -> int | list[int | str]:
    """The size of a file in bytes; of an adapter the digest too, which would take long of a whole model."""
    size = path.stat().st_size
    return [size, sha256(path)] if path.name == ADAPTER_WEIGHTS else size


def _files(checkpoint: Path) -> list[str]:
    """The relative names of a checkpoint's files."""
    found = sorted(path for path in checkpoint.rglob("*") if path.is_file() and path.name != MARKER)
    return [path.relative_to(checkpoint).as_posix() for path in found]
