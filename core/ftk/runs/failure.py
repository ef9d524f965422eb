"""Whatever ended a driver or a visit, as a person is told it."""

import traceback

from ftk import refusals
from ftk.advice import find_advice
from ftk.errors import FtkError


def told(error: Exception, run_id: str) -> FtkError:
    """The error in a line, with a remedy where one is known; the traceback of a bug is printed, for its author."""
    if isinstance(error, FtkError):
        if error.__cause__:
            traceback.print_exception(error)  # a plugin's bug
        return error
    if isinstance(error, OSError):
        if advice := find_advice(str(error), 1, ()):
            return FtkError(refusals.told(error), advice.remedy_for(run_id))
        return refusals.expected(error) or FtkError(refusals.told(error))
    traceback.print_exception(error)
    return FtkError(f"{type(error).__name__}: {error}", f"a bug of ftk or a plugin: `ftk logs {run_id}` has more")
