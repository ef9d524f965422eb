"""Log a run while it works, and send what is left of it afterwards."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ftk.errors import Cancelled, FtkError
from ftk.loggers.senders import Senders
from ftk.loggers.unsent import sync_hint

if TYPE_CHECKING:
    from ftk.runs.run import Run


@contextmanager
def logged(run: "Run") -> Iterator[None]:
    """Around the work of a run: its loggers follow it, and have a limited time for the rest at its end."""
    config = run.config.ftk
    senders = Senders(run.folder, config["loggers"], config["logging"]["drain"])
    try:
        yield
    except BaseException as error:
        status = "cancelled" if isinstance(error, Cancelled) else "failed"
        _finish(run, senders, status, now=isinstance(error, Cancelled) and error.now)
        raise
    _finish(run, senders, "finished")


def _finish(run: "Run", senders: Senders, status: str, now: bool = False) -> None:
    run.events.emit("run_ending", status=status)
    for name, unsent in senders.finish(now).items():
        message = f"logger {name}: {unsent}; {sync_hint(run.id, name)}"
        run.events.emit("logger_unsent", logger=name, message=message)


def sync(run: "Run", names: Sequence[str]) -> None:
    """Send what the loggers have not sent of a run that has ended.

    :raises FtkError: when something could not be sent.
    """
    unsent = Senders(run.folder, names, drain=None).finish()
    if unsent:
        told = "; ".join(f"logger {name}: {text}" for name, text in unsent.items())
        raise FtkError(told, f"mend that, and `ftk sync {run.id}` again")
