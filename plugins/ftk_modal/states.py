"""Whether calls of Functions work."""

from ftk.plugin import FtkError


def is_working(call_id: str) -> bool:
    """Whether a call has not ended."""
    import modal
    import modal.exception

    try:
        modal.FunctionCall.from_id(call_id).get(timeout=0)
    except TimeoutError:
        return True
    except (modal.exception.ConnectionError, modal.exception.AuthError):
        raise
    except BaseException as ended:  # whatever the Function has raised; for a cancelled call, no Exception
        if isinstance(ended, KeyboardInterrupt | SystemExit | FtkError):
            raise
    return False
