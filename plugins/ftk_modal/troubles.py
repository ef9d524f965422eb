"""What Modal's client raises, told in a line with a remedy; and trouble that passes, borne for a while."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from ftk.plugin import FtkError

SETUP = "`modal setup` makes one; or set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET"

OLD = 'upgrade it: `pip install -U "modal>=1.6"`'

PATIENCE = 3600.0
"""Seconds that a driver bears trouble which does not cease: longer than most, and a small part of a training."""

PAUSE = 1.0
"""Seconds until what met trouble is tried again."""

T = TypeVar("T")


class Trouble(FtkError):
    """Modal could not do now what was asked: by that, nothing is known of what works there."""


class Patience:
    """Bears trouble, until it has not ceased for too long.

    :param limit: seconds.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._since: float | None = None

    @contextmanager
    def bearing(self) -> Iterator[None]:
        """Leave the block where it meets trouble, so that it can be tried again.

        :raises Trouble: where no block has met none for too long.
        """
        try:
            yield
        except Trouble:
            now = time.monotonic()
            if self._since is None:
                self._since = now
            if now - self._since > self._limit:
                raise
            time.sleep(PAUSE)
        else:
            self._since = None


def insist(act: Callable[[], T]) -> T:
    """Do something that may be done twice, again and again where that meets trouble.

    :raises Trouble: where it has not ceased for too long.
    """
    patience = Patience(PATIENCE)
    while True:
        with patience.bearing():
            return act()


@contextmanager
def told() -> Iterator[None]:
    """Turn what Modal's client raises in the block into expected errors."""
    import modal.exception
    from aiohttp import ClientError
    from grpclib.exceptions import StreamTerminatedError

    try:
        yield
    except modal.exception.Error as error:
        raise trouble(error) from None
    except (StreamTerminatedError, ConnectionError, ClientError) as error:  # which the client itself lets out
        raise unreachable(error) from None


def unreachable(error: Exception) -> FtkError:
    """The expected error for a connection that was lost or not made."""
    import modal.exception as known

    return trouble(known.ConnectionError(f"{type(error).__name__}: {error}"))


def trouble(error: Exception) -> FtkError:
    """The expected error for one of Modal's client."""
    import modal.exception as known

    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, known.AuthError):
        missing = "missing" in text.lower()
        return FtkError("there is no token for Modal" if missing else f"Modal refuses the token: {text}", SETUP)
    if isinstance(error, known.VersionError):
        return FtkError(f"Modal's client is too old: {text}", OLD)
    if isinstance(error, known.ConnectionError):
        return Trouble(f"Modal cannot be reached: {text}", "look at the network; runs go on meanwhile")
    if isinstance(error, known.PermissionDeniedError):
        return FtkError(f"Modal does not allow that: {text}", "check the workspace and the environment of the token")
    passes = isinstance(error, known.ServiceError | known.InternalError | known.ResourceExhaustedError)
    return (Trouble if passes else FtkError)(f"Modal answers: {text}", "`ftk doctor` looks at the set-up")
