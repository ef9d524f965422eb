"""The key that requests to a server must have: taken from the environment, or made."""

import ipaddress
import os
import re
import secrets
from dataclasses import dataclass, field

from ftk.errors import UsageError

KEY_VARIABLE = "FTK_API_KEY"
"""Where a key is looked for, unless another variable is named."""


@dataclass(frozen=True)
class Key:
    """A key.

    :param value: what requests must have.
    :param variable: the environment variable that holds it; None for one that nobody knows yet, and is shown once.
    """

    value: str = field(repr=False)
    variable: str | None

    @property
    def for_shell(self) -> str:
        """How a shell names it."""
        return f"${self.variable}" if self.variable else self.value


def find_key(given: str | None, variable: str | None, needed: bool) -> Key | None:
    """The key of a server.

    :param given: on the command line.
    :param variable: the environment variable that is named there.
    :param needed: whether others than this machine can reach the server: then one is made, where none is given.
    :raises UsageError: where it is none.
    """
    if variable and not os.environ.get(variable):
        raise UsageError(f"the environment variable {variable} is not set", f"export {variable}=... with the key")
    name = variable or (KEY_VARIABLE if os.environ.get(KEY_VARIABLE) else None)
    value = given or (os.environ[name] if name else None)
    if value is None:
        return made_key() if needed else None
    if not re.fullmatch(r"[!-~]+", value):
        raise UsageError("the key has a character that no header can carry", "use letters, digits and signs, no spaces")
    return Key(value, None if given else name)


def made_key() -> Key:
    """A new key, which nobody can guess."""
    return Key(f"ftk-{secrets.token_urlsafe(24)}", None)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens there."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
