"""Known failures and their remedies: the table that plugins extend by the hook `advice`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Advice:
    r"""What to answer to a known failure.

    :param pattern: a regular expression that is searched in the last lines of a failed command's output.
    :param meaning: what happened, in one line; `\1` in it stands for the first group of the pattern.
    :param remedy: what to do, in one line; `RUN` in it stands for the run's name.
    """

    pattern: str
    meaning: str
    remedy: str

    def remedy_for(self, run: str) -> str:
        """The remedy for a run of this name."""
        return re.sub(r"\bRUN\b", run, self.remedy)


SMALLER = (
    "`ftk run --resume RUN` goes on from the last checkpoint; where memory runs out again, lower micro_batch_size"
    " (`ftk run --resume RUN --from train --set micro_batch_size=1`, which begins anew), eval_batch_size"
    " or sequence_len"
)
"""The remedy for memory that is used up: first what costs nothing, since the other one removes the checkpoints."""

GENERAL = (
    Advice(
        r"killed by signal: Bus error|insufficient shared memory|No space left on device: '/dev/shm",
        "shared memory is used up",
        "enlarge /dev/shm (of a container: --shm-size), or set dataloader_num_workers: 0",
    ),
    Advice(
        r"No space left on device|ENOSPC|\[Errno 28\]|Disk quota exceeded|\[Errno 122\]"
        r"|PytorchStreamWriter failed writing|inline_container\.cc:\d+\] \. unexpected pos",
        "the disk is full",
        "free some space; finished stages and checkpoints are kept, so `ftk run --resume RUN` goes on",
    ),
    Advice(
        r"Read-only file system|\[Errno 30\]",
        "a folder cannot be written",
        "name other folders for runs and cache: FTK_RUNS_DIR, FTK_CACHE_DIR; `ftk doctor` looks at them",
    ),
    Advice(
        r"MemoryError|Cannot allocate memory|DefaultCPUAllocator: (can't|not enough) allocate"
        # Where it is not permitted, the file system does not allow programs.
        r"|failed to map segment from shared object(?!: Operation not permitted)",
        "the machine's memory is used up",
        SMALLER,
    ),
)

KILLED = Advice(
    "",
    "it was killed from outside, most likely by the kernel because memory ran out",
    SMALLER,
)
"""The answer to an exit by SIGKILL, which leaves no word in the output."""

STOPPED = Advice("", "it was asked to stop from outside", "`ftk run --resume RUN` goes on")
"""The answer to an exit by SIGTERM that ftk has not sent: a trainer saves a checkpoint then, and says nothing."""

BY_CODE = {-9: KILLED, 137: KILLED, -15: STOPPED, 143: STOPPED}
"""What an exit code says by itself, of Python's numbers for signals and of a shell's."""


def find_advice(output: str, code: int, known: Iterable[Advice]) -> Advice | None:
    """The first known failure that the output shows.

    :param output: the end of the command's output.
    :param code: its exit code, negative for a signal.
    """
    for advice in (*known, *GENERAL):
        if found := re.search(advice.pattern, output):
            return replace(advice, meaning=found.expand(advice.meaning))
    return BY_CODE.get(code)
