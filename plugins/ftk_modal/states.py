"""Whether calls of Functions work."""

from ftk.plugin import Cancelled
from ftk_modal.inside import client_errors
from ftk_modal.troubles import trouble


def is_working(call_id: str) -> bool:
    """Whether a call has not ended.

    :raises FtkError: where that cannot be asked now.
    """
    import modal
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
        modal.FunctionCall.from_id(call_id).get(timeout=0)
    except TimeoutError:
        return True
    except ended:
        return False
    except (Cancelled, KeyboardInterrupt, SystemExit):
        raise
    except known.Error as error:
        raise trouble(error) from None
    except client_errors() as error:
        raise trouble(known.ConnectionError(f"{type(error).__name__}: {error}")) from None
    except BaseException:  # whatever the Function has raised; for a cancelled call, no Exception
        return False
    return False
