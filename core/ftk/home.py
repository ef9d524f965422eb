"""Where ftk keeps runs and cache on this machine."""

import os
from dataclasses import dataclass
from pathlib import Path

from ftk.refusals import refuse_file

RUNS_VARIABLE = "FTK_RUNS_DIR"
CACHE_VARIABLE = "FTK_CACHE_DIR"
ENVIRONMENTS_VARIABLE = "FTK_ENVIRONMENTS_DIR"


@dataclass(frozen=True)
class Home:
    """The two folders that outlive a command.

    :param runs: holds one folder a run.
    :param cache: models and prepared data by content; it may be deleted at any time.
    """

    runs: Path
    cache: Path

    @property
    def environments(self) -> Path:
        """The folder of the engines' environments: in the cache, unless the environment names another to share."""
        return Path(os.environ.get(ENVIRONMENTS_VARIABLE) or self.cache / "environments").resolve()

    @classmethod
    def find(cls, runs: Path | None = None, cache: Path | None = None) -> "Home":
        """The folders given, else those of the environment, else `./runs` and the user's cache.

        Each by its only path without links and `..`, since processes are known by the folder of their run.

        :raises UsageError: where the runs cannot lie, since a file has the name of their folder or of one above it.
        """
        user_cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        runs = runs or Path(os.environ.get(RUNS_VARIABLE) or "runs")
        cache = cache or Path(os.environ.get(CACHE_VARIABLE) or user_cache / "ftk")
        refuse_file(runs, f"name a folder of runs: --runs-dir or {RUNS_VARIABLE}")
        return cls(runs.resolve(), cache.resolve())
