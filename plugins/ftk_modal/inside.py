"""The functions that Modal calls in its containers.

`execute` runs in the image of any engine: this module needs nothing but the standard library and Modal's client.
"""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

RUNS = "/runs"
CACHE = "/cache"
"""Where the two volumes appear in every container."""

OWN = ".modal"
"""The name of folders of a run in which the calls of functions are recorded."""

SERVER = "FTK_MODAL_SERVER"
"""The variable that tells a server's container what to start."""

SERVER_PORT = 8000

LOOK = 2.0
"""Seconds between two commits of what a command has written, and two looks for a wish that it ends."""

GRACE = 300.0
"""Seconds that a process which was asked to stop may take for its checkpoint."""

SHORT_GRACE = 25.0
"""Seconds that it has when the container is taken away: Modal kills it after 30."""

SUPERSEDED = -1000
"""What a call gives that another one has taken the place of."""


def client_errors() -> tuple[type[Exception], ...]:
    """What Modal's client raises when it cannot do what it is asked."""
    import modal.exception
    from grpclib.exceptions import StreamTerminatedError

    return (OSError, StreamTerminatedError, modal.exception.Error)


@contextmanager
def unmistakable() -> Iterator[None]:
    """Raise nothing that whoever asks for the result could take for an error of his own client."""
    try:
        yield
    except client_errors() as error:
        raise RuntimeError(f"{type(error).__name__}: {error}") from error


@unmistakable()
def execute(order: Mapping[str, Any]) -> int:
    """Run a command in a run's folder; a container that goes on after another one does the same.

    :param order: `run`, `record`, `token`, `argv`, `variables`, `path`, `events`, `output` and `volumes`; see
        `ftk_modal.calls`.
    :returns: its exit code; negative for the signal that ended it.
    """
    import modal

    folder = Path(RUNS, order["run"])
    record = folder / order["record"]
    if json.loads(record.read_text())["token"] != order["token"]:
        return SUPERSEDED
    _write(record.with_suffix(".started"), {"call": modal.current_function_call_id(), "token": order["token"]})
    with (folder / order["output"]).open("ab") as output:
        process = subprocess.Popen(
            order["argv"],
            cwd=folder,
            env={**_variables(order["path"]), **order["variables"], "FTK_EVENTS": str(folder / order["events"])},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    wish = f"{order['run']}/{order['record']}".replace(".json", ".stop")
    with _kept_up(process, order["volumes"], wish), ended_with(process):
        return process.wait()


def execute_on_gpu(order: Mapping[str, Any]) -> int:
    """The same, as a Function with GPUs."""
    return execute(order)


def serve() -> None:
    """Start a server, which Modal then sends requests to; see `ftk_modal.serving`."""
    order = json.loads(os.environ[SERVER])
    log = Path(RUNS, order["run"], order["log"])
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            order["argv"],
            cwd=log.parent.parent,
            env={**_variables(order["path"]), **order["variables"]},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    threading.Thread(target=_tell_end, args=(process, log), daemon=True).start()


def _tell_end(process: "subprocess.Popen[bytes]", log: Path) -> None:
    code = process.wait()
    with log.open("a") as output:
        output.write(f"the server {f'was ended by signal {-code}' if code < 0 else f'ended with exit code {code}'}\n")
    ended = Path(RUNS, ".servers", f"{log.stem}.ended")
    _write(ended, {"code": code})


@contextmanager
def ended_with(process: "subprocess.Popen[bytes]", by: signal.Signals = signal.SIGTERM) -> Iterator[None]:
    """Let the process end when Modal takes the container away, or somebody cancels its input.

    :param by: asks it to end in order, but for SIGKILL.
    """
    try:
        yield
    except BaseException:
        process.send_signal(by)
        with suppress(subprocess.TimeoutExpired):
            process.wait(SHORT_GRACE)
        raise
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def _kept_up(process: "subprocess.Popen[bytes]", names: Sequence[str], wish: str) -> Iterator[None]:
    """Commit the volumes and look for the wish that the command ends, again and again; at the end, commit what is left.

    :param names: the volumes, first the one of the runs.
    :param wish: the file in it that asks the command to end.
    """
    import modal

    volumes = [modal.Volume.from_name(name) for name in names]
    ended = threading.Event()

    def commit() -> None:
        for volume in volumes:
            volume.commit()

    thread = threading.Thread(target=_keep_up, args=(process, commit, volumes[0], wish, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        commit()


def _keep_up(
    process: "subprocess.Popen[bytes]", commit: Callable[[], None], volume: Any, wish: str, ended: threading.Event
) -> None:
    asked = False
    while not ended.wait(LOOK):
        with suppress(Exception):  # the next commit, or the last one, will do
            commit()
        if not asked and _is_there(volume, wish):
            asked = True
            process.terminate()


def _is_there(volume: Any, path: str) -> bool:
    # Asked by the client, since what is mounted shows no news while files are open.
    try:
        return any(True for _ in volume.iterdir(f"/{path}"))
    except Exception:  # there is no such file; what cannot be asked now is asked again at the next look
        return False


def _variables(interpreter: str | None) -> dict[str, str]:
    """The environment of a command: as if its interpreter's environment was activated, without packages of Modal's."""
    if interpreter is None:
        return dict(os.environ)
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, "PATH": f"{interpreter}{os.pathsep}{os.environ['PATH']}", "PYTHONNOUSERSITE": "1"}


def _write(path: Path, value: Mapping[str, Any]) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(json.dumps(value))
    partial.replace(path)
