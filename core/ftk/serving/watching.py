"""Whether a server is there and ready, and why it has ended."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from http.client import HTTPException
from urllib.request import ProxyHandler, build_opener

from ftk.advice import KILLED, Advice, find_advice
from ftk.backend import Backend
from ftk.errors import FtkError
from ftk.server import Server

PATIENCE = 5.0
"""Seconds in which a server says that it is ready."""

POLL = 0.2
"""Seconds between two looks."""

LOOKS_PER_CHECK = 5
"""Looks between two checks that the server has not ended, which may cost more."""

LAST = 20_000
"""Bytes at the end of a server's output in which its words stand."""

ENDED = "the server "
"""How the last line of a server's output begins, with which its backend says how it ended."""

ADVICE = (
    Advice(r"the server was asked to stop$", "not from here", "`ftk serve RUN` starts it again"),
    Advice(
        r"[Aa]ddress already in use|EADDRINUSE",
        "another program took the port in the meantime",
        "`ftk serve RUN --port 0` takes one that is free",
    ),
    Advice(
        r"the server was ended by signal 9$", KILLED.meaning, "serve a smaller model, or with a smaller max_model_len"
    ),
)


def is_ready(server: Server) -> bool:
    """Whether the server answers."""
    # What is on this machine is not asked through a proxy.
    direct = build_opener(ProxyHandler({})) if server.url.startswith("http://") else build_opener()
    with suppress(OSError, HTTPException), direct.open(server.url + server.endpoint.health_path, None, PATIENCE):
        return True
    return False


def is_there(backend: Backend, server: Server) -> bool:
    """Whether the server has not ended."""
    return any(item.id == server.id for item in backend.servers())


def wait_until_ready(
    backend: Backend, server: Server, stopped: Callable[[], bool], tell: Callable[[float], None]
) -> bool:
    """Wait until the server answers, has ended, or somebody does not want to wait any more.

    :param stopped: whether to wait no longer.
    :param tell: is told the seconds, every now and then.
    :returns: whether it answers.
    """
    began, looks = time.monotonic(), 0
    while not stopped():
        if is_ready(server):
            return is_there(backend, server)
        if looks % LOOKS_PER_CHECK == 0 and not is_there(backend, server):
            return False
        looks += 1
        tell(time.monotonic() - began)
        time.sleep(POLL)
    return False


def last_words(backend: Backend, server: Server) -> str:
    """The end of what the server has printed."""
    with suppress(FileNotFoundError), backend.open(server.endpoint.runs[0], server.log) as stream:
        stream.seek(max(0, stream.seek(0, 2) - LAST))
        return stream.read().decode(errors="replace").strip()
    return ""


def end_of(backend: Backend, server: Server, known: Iterable[Advice]) -> FtkError:
    """Why a server that nobody stopped has ended.

    :param known: what plugins know of failures in the server's environment.
    """
    output = last_words(backend, server)
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    how = lines.pop() if lines and lines[-1].startswith(ENDED) else "the server is gone"
    run = server.endpoint.runs[0]
    advice = find_advice(output, 1, (*known, *ADVICE))
    meaning = advice.meaning if advice else lines[-1] if lines else "it has printed nothing"
    place = backend.describe(run, server.log)
    remedy = advice.remedy_for(run) if advice else f"{place} has all of its output"
    return FtkError(f"{how}: {meaning}", remedy)
