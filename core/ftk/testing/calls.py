"""Call the real `ftk` as a person does, on runs of its own, and see what it leaves."""

import json
import os
import signal
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

SCRIPTS = sysconfig.get_path("scripts")

PATIENCE = 280.0
"""Seconds after which a command or a condition that does not come is an error: many, since machines may be busy."""

LEAVING = 30.0
"""Seconds in which whoever is just ending must have ended."""


@dataclass
class Ftk:
    """Calls `ftk` in `folder`: `ftk("run", config, "--json")` gives a finished process, with its output as text.

    :param folder: the current folder of all calls.
    :param runs: where runs appear.
    :param cache: the cache.
    :param variables: what is set in the environment of each call.
    """

    folder: Path
    runs: Path
    cache: Path
    variables: dict[str, str]
    started: list["subprocess.Popen[str]"] = field(default_factory=list)

    def __call__(self, *arguments: object, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Call `ftk` and wait for it."""
        process = self.start(*arguments, **variables)
        output, errors = process.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def start(self, *arguments: object, **variables: str) -> "subprocess.Popen[str]":
        """Start `ftk` as the leader of a process group of its own, as a shell does, and return at once."""
        process = subprocess.Popen(
            [f"{SCRIPTS}/ftk", *map(str, arguments)],
            cwd=self.folder,
            env=self.environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
            preexec_fn=_as_at_a_terminal,
        )
        self.started.append(process)
        return process

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """The environment of a call, without the settings of whoever runs the tests."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FTK_")}
        return {**inherited, **self.variables, **more}

    def run_folder(self) -> Path:
        """The folder of the newest run."""
        return max(item for item in self.runs.iterdir() if item.is_dir() and item.suffix != ".partial")

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """What the newest run has reported so far, ordered by time; of one kind, if it is named."""
        paths = self.run_folder().glob("events/*.jsonl") if self.has_run() else ()
        found = [event for path in paths for event in _whole_lines(path)]
        return sorted((event for event in found if kind in (None, event["kind"])), key=lambda event: event["time"])

    def has_run(self) -> bool:
        """Whether there is a run."""
        return self.runs.is_dir() and any(item.is_dir() and item.suffix != ".partial" for item in self.runs.iterdir())

    def wait_for(self, condition: Callable[[], Any]) -> Any:
        """What `condition` gives as soon as that is true."""
        deadline = time.monotonic() + PATIENCE
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise TimeoutError("what was waited for did not come")
            time.sleep(0.01)
        return value

    def wait_for_event(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The newest run's first event of this kind with these fields."""
        found: dict[str, Any] = self.wait_for(
            lambda: next((event for event in self.events(kind) if _has(event, fields)), None)
        )
        return found

    def assert_nobody_works(self) -> None:
        """Nothing that works on a run is left; whoever is just ending is given the time for it."""
        deadline = time.monotonic() + LEAVING
        while (alive := self.workers()) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not alive, [_arguments(process) for process in alive]

    def kill_all(self) -> None:
        """Kill the calls that have not ended, and everything that works on the runs."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
        for worker in [*self.workers(), *self.servers()]:
            with suppress(psutil.NoSuchProcess):
                worker.kill()

    def workers(self, part: str | None = None) -> list[psutil.Process]:
        """All processes that work on any of these runs: drivers, commands, and whatever they have started.

        :param part: only those that have this among their arguments, such as the name of a module.
        """
        found = _with_variable("FTK_RUN", f"{self.runs}/")
        return found if part is None else [process for process in found if part in _arguments(process)]

    def servers(self) -> list[psutil.Process]:
        """All processes of servers of these runs."""
        return _with_variable("FTK_SERVER", json.dumps(str(self.runs)))


def _as_at_a_terminal() -> None:
    """Take signals as a shell's command does, also where the tests themselves were started in the background."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _arguments(process: psutil.Process) -> list[str]:
    """The command line of a process; an empty one where it has ended."""
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def _with_variable(name: str, part: str) -> list[psutil.Process]:
    """All processes in whose environment a variable has this part."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it is gone by now, or a zombie
            if part in process.environ().get(name, ""):
                found.append(process)
    return found


def _has(event: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    return all(event.get(name) == value for name, value in fields.items())


def _whole_lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text().split("\n")[:-1]:
        try:
            yield json.loads(line)
        except ValueError:  # torn by a kill
            continue
