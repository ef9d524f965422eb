"""Whether calls of Functions work, and what they have returned."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ftk.plugin import Cancelled, FtkError
from ftk_modal.inside import client_errors
from ftk_modal.troubles import trouble, unreachable

if TYPE_CHECKING:
    import modal


class CallFailed(FtkError):
    """A call has ended without a result."""


def is_working(call_id: str) -> bool:
    """Whether a call has not ended.

    :raises FtkError: where that cannot be asked now.
    """
    import modal

    try:
        with _judged():
            call = modal.FunctionCall.from_id(call_id)
        return result_of(call, 0) is None
    except CallFailed:
        return False


def result_of(call: "modal.FunctionCall[int]", wait: float) -> int | None:
    """What a call has returned; None while it has not ended.

    :param wait: seconds to wait for its end.
    :raises CallFailed: where it has ended by an error.
    :raises FtkError: where that cannot be asked now.
    """
    with _judged():
        try:
            return call.get(timeout=wait)
        except TimeoutError:
            return None


@contextmanager
def _judged() -> Iterator[None]:
    """Tell errors that a call has ended with from those of asking for it."""
    from modal import exception as known

    # Of Modal's own errors, those that a call has ended with, or that say it is kept no more.
    ended = (
        known.NotFoundError,
        known.OutputExpiredError,
        known.FunctionTimeoutError,
        known.InternalFailure,
        known.RemoteError,
        known.ExecutionError,
    )
    try:
        yield
    except ended as error:
        raise _failed(error) from None
    except (Cancelled, KeyboardInterrupt, SystemExit):
        raise
    except known.Error as error:
        raise trouble(error) from None
    except client_errors() as error:
        raise unreachable(error) from None
    except BaseException as error:  # whatever the Function has raised; for a cancelled call, no Exception
        raise _failed(error) from None


def _failed(error: BaseException) -> CallFailed:
    return CallFailed(f"Modal's call of a Function failed: {type(error).__name__}: {error}")
