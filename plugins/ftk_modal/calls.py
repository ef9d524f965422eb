"""Commands executed by calls of Functions: none is made twice, whatever happens to the driver in between.

What is to be done is recorded before the call is made, and its id after it; the executor records its own id when it
begins, and leaves if what is recorded is not what it was called for.
"""

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ftk.plugin import LOG_FILE, Cancelled, FtkError, files
from ftk_modal.inside import GRACE, OWN, SUPERSEDED
from ftk_modal.mirror import Mirror
from ftk_modal.secrets import Secrets
from ftk_modal.troubles import told, trouble

if TYPE_CHECKING:
    import modal

POLL = 1.0
"""Seconds between two looks at what a command has written."""

HEARD = "heard.json"
"""In the mirrored folder: how much of a command's output is in the log."""


@dataclass(frozen=True)
class Work:
    """A command as the executor gets it.

    :param argv: with the paths of the container.
    :param variables: environment variables.
    :param events: the run's file in which it reports.
    :param timeout: seconds that it may take in all.
    :param volumes: those that it writes to, by name.
    """

    argv: tuple[str, ...]
    variables: Mapping[str, str]
    events: str
    timeout: float | None
    volumes: tuple[str, ...]

    @property
    def folder(self) -> str:
        """Where its call is recorded: for a visit, in the visit's own folder."""
        parent = PurePosixPath(self.events).parent.as_posix()
        return OWN if parent == "events" else f"{parent}/{OWN}"

    @property
    def record(self) -> str:
        """The file that says who does it."""
        digest = files.sha256_of([self.argv, dict(self.variables)])[:16]
        return f"{self.folder}/{digest}.json"


class Caller:
    """Executes commands for one run.

    :param mirror: the run.
    """

    def __init__(self, mirror: Mirror) -> None:
        self.mirror = mirror
        self.store = mirror.store

    def execute(self, function: "modal.Function", work: Work) -> int:
        """Have a command executed and wait for it; see `Backend.execute`.

        :param function: the executor, with its secrets.
        """
        record = self._read(work.record) or self._new_record(work)
        call = self._going_on(work, record) or self._begun(function, work)
        watch = _Watch(self.mirror, work, record)
        try:
            code = self._wait(call, watch, record["since"] + work.timeout if work.timeout else None)
        except Cancelled as request:
            self._stop(call, watch, request)
            raise
        except TimeoutError:
            self._stop(call, watch, Cancelled(now=False))
            raise FtkError(
                f"the command took longer than the {work.timeout:g} seconds of ftk.resources.timeout",
                "its last checkpoint is kept: raise the timeout with --set ftk.resources.timeout=... and --resume",
            ) from None
        self._end(work, watch)
        return code

    def _read(self, path: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads(self.store.read(f"{self.mirror.run_id}/{path}"))
        except FileNotFoundError:
            return None
        return found

    def _write(self, path: str, value: Mapping[str, Any]) -> None:
        self.store.write({f"{self.mirror.run_id}/{path}": json.dumps(value).encode()})
