"""What Modal's client raises, told in a line with a remedy."""

from collections.abc import Iterator
from contextlib import contextmanager

from ftk.plugin import FtkError

SETUP = "`modal setup` makes one; or set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET"

OLD = 'upgrade it: `pip install -U "modal>=1.6"`'


@contextmanager
def told() -> Iterator[None]:
    """Turn what Modal's client raises in the block into expected errors."""
    import modal.exception

    try:
        yield
    except modal.exception.Error as error:
        raise trouble(error) from None


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
        return FtkError(f"Modal cannot be reached: {text}", "look at the network; runs go on meanwhile")
    if isinstance(error, known.PermissionDeniedError):
        return FtkError(f"Modal does not allow that: {text}", "check the workspace and the environment of the token")
    return FtkError(f"Modal answers: {text}", "`ftk doctor` looks at the set-up")
