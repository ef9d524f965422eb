"""Fetch a base model in a process of its own and print what came, as JSON: `python fetch.py RUN CACHE CONFIG [only]`.

Libraries read their environment while they are imported, so that a test cannot set it any more.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ftk_models.plugin
from ftk.hooks.manager import Manager
from ftk.plugin import Artifact, Cache, Command, Config, Environment, FtkError, Run


class Processes:
    """The part of a backend that runs a command."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.roots = {"run": folder, "cache": cache}

    def find_problem(self, environment: Environment) -> str | None:
        return None

    def realise(self, environment: Environment, tell: Callable[..., None]) -> None:
        pass

    def execute(self, run_id: str, command: Command, environment: Environment, events: str) -> int:
        argv = [str(self.roots[part.root] / part.path) if isinstance(part, Artifact) else part for part in command.argv]
        with (self.roots["run"] / "logs.txt").open("ab") as log:
            return subprocess.call([sys.executable, *argv[1:]], stdout=log, stderr=log)


def main(folder: Path, cache: Path, values: dict[str, Any], tokenizer_only: bool) -> dict[str, Any]:
    """What came, or the error."""
    manager = Manager()
    manager.register(ftk_models.plugin, "models")
    backend: Any = Processes(folder, cache)
    run = Run(folder, Cache(cache), Config({"ftk": {"resources": {"timeout": None}}, **values}), manager, backend)
    try:
        fetched = run.fetch_model(tokenizer_only)
        run.base_model.keep()
    except FtkError as error:
        return {"message": error.message, "remedy": error.remedy}
    path = run.path(fetched.path)
    found = sorted(item.name for item in path.iterdir()) if path.is_dir() else [path.name]
    return {"path": str(path), "files": found, "digest": fetched.digest}


if __name__ == "__main__":
    run_folder, cache_folder, config, *only = sys.argv[1:]
    print(json.dumps(main(Path(run_folder), Path(cache_folder), json.loads(config), bool(only))))
