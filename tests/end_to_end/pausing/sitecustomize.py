"""Keeps a process waiting just before it writes one file; Python imports this file by its name, first of all."""

import os
import time
from pathlib import Path

PAUSE_VARIABLE = "PAUSE_BEFORE"
"""The end of the file's path. When the process waits, there is a file of that path with `.waited-for` added."""

if PAUSE_VARIABLE in os.environ:
    import ftk.files

    write_bytes = ftk.files.write_bytes

    def _write_after_a_pause(path: Path, content: bytes) -> None:
        if path.as_posix().endswith(os.environ[PAUSE_VARIABLE]):
            Path(f"{path}.waited-for").touch()
            time.sleep(600)
        write_bytes(path, content)

    ftk.files.write_bytes = _write_after_a_pause
