"""Addresses to listen on."""

import errno
import socket

from ftk.plugin import UsageError


def free_port(host: str, port: int) -> int:
    """The port, which nobody listens on; one that is free in place of 0.

    :raises UsageError: where nothing can listen there.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror:
        raise UsageError(f"there is no host {host!r}", "name an address of this machine, such as 127.0.0.1") from None
    with socket.socket(family, kind) as listener:
        # As servers do, so that connections of an earlier one that are still being closed do not count.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen()
        except OSError as error:
            raise _refusal(host, port, error) from None
        return int(listener.getsockname()[1])


def url_of(host: str, port: int) -> str:
    """Where a server at this address is asked."""
    asked = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # those mean all addresses of this machine
    return f"http://[{asked}]:{port}" if ":" in asked else f"http://{asked}:{port}"


def _refusal(host: str, port: int, error: OSError) -> UsageError:
    match error.errno:
        case errno.EADDRINUSE:
            remedy = "`ftk serve --list` shows ftk's own; --port 0 takes one that is free"
            return UsageError(f"port {port} of {host} is in use", remedy)
        case errno.EACCES:
            return UsageError(f"port {port} is for the administrator alone", "take one above 1023, such as --port 8000")
        case _:
            return UsageError(f"nothing can listen on {host}: {error.strerror}", "name an address of this machine")
