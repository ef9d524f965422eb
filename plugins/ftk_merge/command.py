"""What both commands do first and last: keep libraries off the network, and end in one clear line."""

import os
import sys
from collections.abc import Callable

QUIET = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TQDM_DISABLE": "1"}
"""Environment that keeps the libraries off the network and their progress bars out of the log."""


class MergeError(Exception):
    """What a person can put right; its message is one line."""


def run_command(body: Callable[..., None]) -> None:
    """Call `body` with the words of the command line; a `MergeError` ends the process with its line."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        body(*sys.argv[1:])
    except MergeError as error:
        sys.exit(str(error))
