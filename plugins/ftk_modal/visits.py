"""Visits, from the side of whoever waits for them."""

import time
from typing import TYPE_CHECKING

from ftk.plugin import Cancelled, FtkError
from ftk_modal.driving import Wish
from ftk_modal.states import result_of
from ftk_modal.troubles import Patience, told
from ftk_modal.volume import Store

if TYPE_CHECKING:
    import modal

POLL = 0.5
"""Seconds between two looks at whether a visit has ended."""

BEAT = 30.0
"""Seconds after which a visit is told again that somebody waits for it."""

MISSED = 4
"""Beats that may be late, as while the network is away, until the visit takes itself for abandoned."""

PATIENCE = 30.0
"""Seconds that a visit has to end when it is asked to."""


class Visit:
    """A visit that was called.

    :param store: the volume of the runs.
    :param wish_path: where in it the visit looks for a wish.
    :param call: the call.
    """

    def __init__(self, store: Store, wish_path: str, call: "modal.FunctionCall[int]") -> None:
        self._store = store
        self._wish_path = wish_path
        self._call = call

    def wait(self) -> int:
        """The exit code.

        :raises Cancelled: when this process was asked to stop meanwhile; the visit was ended before.
        """
        beat, patience = -1, Patience(MISSED * BEAT)
        try:
            while True:
                with patience.bearing():
                    if (code := result_of(self._call, POLL)) is not None:
                        return code
                if (now := int(time.monotonic() / BEAT)) != beat:
                    beat = now
                    self._beat(beat)
        except (Cancelled, KeyboardInterrupt):
            self._write(Wish(self._call.object_id, urgency=1))
            self._end()
            raise

    def _beat(self, number: int) -> None:
        try:
            self._write(Wish(self._call.object_id, beat=number, within=MISSED * BEAT))
        except Cancelled:
            raise
        except (OSError, FtkError):
            pass  # the next one will do

    def _write(self, wish: Wish) -> None:
        self._store.write({self._wish_path: wish.content()})

    def _end(self) -> None:
        until = time.monotonic() + PATIENCE
        while result_of(self._call, POLL) is None:
            if time.monotonic() > until:
                with told():
                    self._call.cancel(terminate_containers=True)
                return
