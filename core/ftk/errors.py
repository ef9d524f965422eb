"""The errors that ftk expects: each one is told in a line with its remedy; any other keeps its traceback."""

from collections.abc import Sequence
from dataclasses import dataclass


class FtkError(Exception):
    """Something went wrong that a person can mend.

    :param message: what is wrong and where, in one line.
    :param remedy: what to do about it, in one line.
    """

    exit_code = 1

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n  {self.remedy}" if self.remedy else self.message


class UsageError(FtkError):
    """The call or the config is wrong; nothing was started."""

    exit_code = 2


class PluginError(FtkError):
    """A plugin broke its contract: told by plugin, hook and remedy."""


class Cancelled(FtkError):
    """The person asked the run to stop.

    :param now: whether without waiting for a checkpoint.
    """

    exit_code = 130

    def __init__(self, now: bool) -> None:
        super().__init__("the run was cancelled")
        self.now = now


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a config or a data file.

    :param place: where, such as `config.yml:12` or `--set lora_r`.
    :param message: what is wrong there.
    :param remedy: what to write instead.
    """

    place: str
    message: str
    remedy: str | None = None

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" + (f"; {self.remedy}" if self.remedy else "")


class Notice(Problem):
    """What a person should know of, though nothing is wrong: it is told, and stops nothing."""


class ProblemsFound(UsageError):
    """Everything that is wrong with an input, told together."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)
