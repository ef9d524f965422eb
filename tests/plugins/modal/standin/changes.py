"""Waiting for a change in the state of the stand-in."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


class Changes:
    """Whoever changes the state announces it; whoever waits looks again at every announcement."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def announce(self) -> None:
        """Wake all who wait."""
        event, self._event = self._event, asyncio.Event()
        event.set()

    async def until(self, look: Callable[[], T], timeout: float) -> T:
        """What `look` returns as soon as it is true, or at the end of `timeout` seconds."""
        end = asyncio.get_running_loop().time() + timeout
        while not (found := look()):
            left = end - asyncio.get_running_loop().time()
            if left <= 0:
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._event.wait()
        return found
