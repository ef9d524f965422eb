"""The command that merges: `python -m ftk_merge.merge BASE ADAPTER TARGET TOKENIZER DTYPE`."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

from ftk.files import new_folder
from ftk.reporter import Reporter
from ftk_merge.command import run_command

EVERY = 0.5
"""Seconds between two reports."""

WORKERS = min(4, os.cpu_count() or 1)
"""Files that are written at the same time: while one waits for the disk, another is computed."""


class Progress:
    """Reports written bytes.

    :param of: bytes in all.
    """

    def __init__(self, reporter: Reporter, of: int) -> None:
        self.reporter = reporter
        self.done = 0
        self.of = of
        self._quiet_until = 0.0
        self._lock = Lock()

    def wrote(self, size: int) -> None:
        """Add `size` bytes; files that are written at the same time call it."""
        with self._lock:
            self.done += size
            if self.done == self.of or time.monotonic() >= self._quiet_until:
                self._quiet_until = time.monotonic() + EVERY
                self.reporter.emit("merging", done=self.done, of=self.of)


def merge(base: str, adapter: str, target: str, tokenizer: str, dtype: str | None = None) -> None:
    """Merge the adapter in the folder `adapter` into the model in `base`, as the new folder `target`.

    :param tokenizer: the folder of the tokenizer that the adapter was trained with.
    :param dtype: the type in which to store the weights, such as `float16`; each tensor keeps its own, if None.
    """
    from ftk_merge.adapter import UnknownAdapter, read_changes
    from ftk_merge.checkpoint import Checkpoint
    from ftk_merge.planning import plan_merge

    reporter = Reporter.from_environment()
    checkpoint = Checkpoint.open(Path(base))
    try:
        plan = plan_merge(checkpoint, read_changes(Path(adapter)), dtype)
    except UnknownAdapter as reason:
        from ftk_merge.by_peft import merge_by_peft

        reporter.notice(f"peft merges this adapter, with the whole model in memory: {reason}")
        merge_by_peft(checkpoint, Path(adapter), Path(target), Path(tokenizer), dtype)
        return

    import torch

    from ftk_merge.checkpoint import INDEX
    from ftk_merge.companions import write_companions, write_index
    from ftk_merge.room import refuse_full_disk
    from ftk_merge.writing import write_shard

    refuse_full_disk(Path(target), plan.size)
    # Blocks are so small that threads within one wait for each other longer than they work: each file has one.
    torch.set_num_threads(1)
    progress = Progress(reporter, plan.size)
    with new_folder(Path(target)) as folder:
        with ThreadPoolExecutor(WORKERS) as pool:
            written = [
                pool.submit(write_shard, folder / name, shard, progress.wrote) for name, shard in plan.shards.items()
            ]
            for shard in written:
                shard.result()
        if (checkpoint.folder / INDEX).exists():
            write_index(folder, plan)
        write_companions(checkpoint.folder, Path(tokenizer), folder, plan.config)


if __name__ == "__main__":
    run_command(merge)
