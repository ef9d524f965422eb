"""Stage rows in a process of its own and print the most memory that it held, in MiB: `python stage_rows.py ...`.

The arguments are a folder for the run, the cache, whose `tokenizer` folder is the tokenizer, and the data file.
"""

import resource
import sys
from pathlib import Path
from typing import Any

import ftk_formats.plugin
from ftk.hooks.manager import Manager
from ftk.plugin import Artifact, Cache, Config, Run, complete, hookimpl


class TokenizerSource:
    """A plugin that brings the tokenizer, from the cache."""

    @hookimpl
    def prepare_tokenizer(self, run: Run) -> Artifact:
        return Artifact("cache", "tokenizer")


def main(folder: Path, cache: Path, data: Path) -> None:
    manager = Manager()
    manager.register(ftk_formats.plugin, "formats")
    manager.register(TokenizerSource(), "source")
    values = complete({"datasets": [{"path": str(data), "type": {}}]}, {"properties": ftk_formats.plugin.KEYS})
    block = {
        "data": complete({}, ftk_formats.gate.BLOCK),
        "stages": {"stage_data": "formats", "prepare_model": "source"},
    }
    backend: Any = None
    config = Config({**values, "val_set_size": 0.01, "sequence_len": 1_000_000, "ftk": block})
    ftk_formats.plugin.check(config, manager.dataset_formats())
    ftk_formats.plugin.stage_data(Run(folder, Cache(cache), config, manager, backend))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
