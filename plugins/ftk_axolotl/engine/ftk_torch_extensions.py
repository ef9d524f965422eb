"""Where PyTorch compiles what DeepSpeed needs, such that a process that was killed meanwhile holds nobody up.

This file runs in axolotl's interpreter.
"""

import fcntl
import os
import sys
from contextlib import suppress
from pathlib import Path

import torch
from torch.utils.cpp_extension import get_default_build_root

VARIABLE = "TORCH_EXTENSIONS_DIR"


def use_own_folder() -> None:
    """Have PyTorch compile in a folder of ftk's, without the locks that nobody holds any more.

    To PyTorch, a lock is a file that is there: it waits for ever where its process was killed. So each process that
    compiles has another file open and locked until it ends; where no other process has, all locks are left from before.
    A folder that the person chose may be used by processes that do nothing of the kind, and stays as it is.
    """
    if VARIABLE in os.environ:
        return
    version = f"py{sys.version_info.major}{sys.version_info.minor}-torch{torch.__version__}"
    folder = Path(get_default_build_root()) / f"ftk-{version}"
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[VARIABLE] = str(folder)
    in_use = os.open(folder / "in-use", os.O_RDWR | os.O_CREAT)  # open until this process ends
    with suppress(OSError):  # another process has it, or the file system knows no locks
        fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for lock in folder.glob("*/lock"):
            lock.unlink()
    with suppress(OSError):
        fcntl.flock(in_use, fcntl.LOCK_SH)
