"""What a backend is: the place where runs live and their commands are executed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol

from ftk.accelerator import Accelerator
from ftk.command import Command, Environment
from ftk.server import Endpoint, Server

HERE = "local"
"""The backend that works on this machine: the one taken where none is named, and by which data are looked at."""

Activity = Literal["idle", "working", "orphaned"]
"""`working`: a driver is at it; `orphaned`: the driver died and a command of its still works; `idle`: nobody."""


@dataclass(frozen=True)
class Stored:
    """A file of a run.

    :param size: bytes.
    :param version: changes with its content.
    """

    size: int
    version: str


class Backend(Protocol):
    """Where runs live. ftk's commands use the first group from any machine, the driver uses `execute` beside the run.

    A run is named by its id. Paths are relative to its folder, with forward slashes.
    """

    name: str

    def create(self, run_id: str, draft: Path) -> None:
        """Copy the folder `draft` as a new run; afterwards the run is there whole, or not at all.

        Data in the draft are symbolic links to the person's files, which are copied in their place.
        """
        ...

    def runs(self) -> list[str]:
        """The ids of all runs, oldest first."""
        ...

    def list(self, run_id: str, path: str) -> Sequence[str]:
        """The names in a folder of a run, sorted; none where there is no such folder."""
        ...

    def open(self, run_id: str, path: str) -> BinaryIO:
        """A file of a run, to be read.

        :raises FileNotFoundError: where there is none.
        """
        ...

    def stored(self, run_id: str, path: str) -> Mapping[str, Stored]:
        """All files in a folder of a run and below, or the one file of this name, by their paths in the run."""
        ...

    def fetch(self, run_id: str, path: str, stream: BinaryIO, advance: Callable[[int], None]) -> None:
        """Write the whole content of a file to a stream on this machine that is empty and can seek.

        :param advance: is told how many more bytes have come.
        :raises FileNotFoundError: where there is none.
        """
        ...

    def describe(self, run_id: str, path: str) -> str:
        """How a person finds a file or folder of a run, such as its path on this machine."""
        ...

    def submit(self, run_id: str, arguments: Sequence[str], config: Mapping[str, Any]) -> None:
        """Start the run's driver, `python -m ftk.runs.driver`, and return at once.

        :param arguments: options of the driver.
        :param config: the run's, with the changes that the driver will make to it by these options.
        :raises UsageError: when a driver is at work already. An orphaned command is stopped first.
        """
        ...

    def activity(self, run_id: str) -> Activity:
        """Who works on the run at this moment."""
        ...

    def cancel(self, run_id: str, now: bool) -> None:
        """Ask everything that works on the run to stop; return at once.

        :param now: do not wait for a checkpoint.
        """
        ...

    def remove(self, run_id: str) -> None:
        """Remove a run with everything in it; after a kill at any instant it is there whole, or no run any more.

        :raises UsageError: when somebody works on it.
        """
        ...

    servers_are_public: bool
    """Whether a server outlives this machine and answers everybody who knows its address; then it needs a key."""

    def start_server(
        self, endpoint: Endpoint, environment: Environment, host: str, port: int, key: str | None
    ) -> Server:
        """Start a server that stays until it is stopped; return at once, before it is ready.

        It works in the folder of the first of `endpoint.runs`, and its output goes to a file there, with a last line
        that says how it ended.

        :param environment: the one that its command names.
        :param host: where to listen, on this machine; a backend elsewhere has addresses of its own.
        :param port: the same; 0 for one that is free.
        :param key: what requests must have; it reaches the server through `endpoint.key_variable` alone, so that no
            list of processes, no log and no event shows it.
        :raises UsageError: when the address is taken or wrong.
        """
        ...

    def servers(self) -> Sequence[Server]:
        """The servers of all runs that are starting or ready, oldest first."""
        ...

    def stop_server(self, server_id: str) -> None:
        """End a server with all its processes, within 10 seconds; one that is gone already is no error."""
        ...

    def put(self, run_id: str, path: str, content: bytes) -> None:
        """Write a file of a run, whole or not at all: one that is no part of its history, such as a visit's request."""
        ...

    def visit(self, run_id: str, arguments: Sequence[str]) -> int:
        """Do a job beside the run, `python -m ftk.runs.visit`, and wait for it, without the run's lock.

        Its standard input is to stay open: it stops when that ends, so that nothing works on for a caller who is gone.

        :param arguments: the job and the scratch folder.
        :returns: its exit code. Whatever it wrote can then be read.
        :raises Cancelled: when this process was asked to stop meanwhile; the visit was ended before, with all that it
            had started.
        """
        ...

    def discard(self, run_id: str, path: str) -> None:
        """Remove the scratch folder of a visit, if it is there."""
        ...

    def find_problem(self, environment: Environment) -> str | None:
        """Why commands cannot run in this environment here; None where they can.

        Of every environment that a driver or a visit will need, this is asked before `submit` or `visit` by the same
        process, which can bring it to where runs live.
        """
        ...

    def accelerator(self, settings: Mapping[str, Any]) -> Accelerator:
        """What commands compute with here.

        :param settings: the config's `ftk` block, whose resources a backend may have to ask for.
        """
        ...

    def realise(self, environment: Environment, tell: Callable[..., None]) -> None:
        """Make an environment ready for commands, where it is not yet; called before `execute`.

        :param tell: reports what goes on; it takes the kind and the fields of an event.
        :raises FtkError: when it cannot be made.
        """
        ...

    def execute(self, run_id: str, command: Command, environment: Environment, events: str) -> int:
        """Run a command beside the run's files and wait for it; its output goes to the run's `logs.txt`.

        :param environment: the one that the command names.
        :param events: the run's file in which the command reports, named to it by `FTK_EVENTS`.
        :returns: its exit code; negative for the signal that ended it.
        :raises Cancelled: when the driver was asked to stop; the command was ended in order before.
        """
        ...
