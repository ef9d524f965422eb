"""Tell of a plugin that does not return from a call, since nobody could guess whose fault that is."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

PATIENCE = 10.0
"""Seconds that a hook which only has to answer may take before it is told."""


def told_when_overdue(plugin: str, hook: str, tell: Callable[[str], None]) -> AbstractContextManager[None]:
    """Around a call of a hook: after `PATIENCE`, say whose it is and how to do without."""
    message = (
        f"plugin {plugin!r} has not returned from {hook} for {PATIENCE:g} s;"
        f" Ctrl-C stops, and FTK_DISABLE_PLUGINS={plugin} does without it"
    )
    return told_after(PATIENCE, message, tell)


@contextmanager
def told_after(seconds: float, message: str, tell: Callable[[str], None]) -> Iterator[None]:
    """Around a call: say this when it has not returned after so many seconds. The call goes on."""
    timer = threading.Timer(seconds, tell, [message])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
