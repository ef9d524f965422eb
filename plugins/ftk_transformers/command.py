"""What every command of this engine does first and last: quiet its libraries, and end in one clear line."""

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

QUIET = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
}
"""Environment that keeps the libraries off the network and their progress bars out of the log."""

GPUS = "CUDA_VISIBLE_DEVICES"
"""Names those that CUDA shows; read when torch first looks for one."""


class CommandError(Exception):
    """What a person can put right; its message is one line."""


def run_command(body: Callable[..., None]) -> None:
    """Call `body` with the paths of the command line; a `CommandError` ends the process with its line.

    `body` imports its libraries itself, because they read their environment while they are imported.
    """
    warnings.simplefilter("ignore", FutureWarning)  # what one library tells another
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    # The trainer would spread a batch over all it sees, and train on more rows in a step than were asked for.
    os.environ[GPUS] = os.environ.get(GPUS, "0").partition(",")[0]
    try:
        body(*map(Path, sys.argv[1:]))
    except CommandError as error:
        sys.exit(str(error))
