"""Fetch data sets of the hub in a process of its own and print them: `fetch_data.py FOLDER [[KEY, ENTRY], ...]`.

Libraries read their environment while they are imported, so that a test cannot set it any more.
"""

import json
import sys
from pathlib import Path
from typing import Any

from ftk.hooks.manager import Manager
from ftk.plugin import Cache, Config, DataSet, FtkError, Run
from ftk_formats.hub_data import fetch


def fetched(folder: Path, key: str, entry: dict[str, Any]) -> dict[str, Any]:
    """What came, or the error."""
    backend: Any = None
    (folder / "run").mkdir(exist_ok=True)
    run = Run(folder / "run", Cache(folder / "cache"), Config({}), Manager(), backend)
    try:
        base, found = fetch(run, DataSet(key, 0, entry))
    except FtkError as error:
        return {"message": error.message, "remedy": error.remedy}
    return {"files": {path.relative_to(base).as_posix(): path.read_text() for path in found}}


if __name__ == "__main__":
    print(json.dumps([fetched(Path(sys.argv[1]), key, entry) for key, entry in json.loads(sys.argv[2])]))
