"""Containers: processes of Modal's own entrypoint in boxes of their own, from their beginning to their end.

Models their start when inputs wait and none has room, up to `max_containers`; `min_containers` of deployed apps; the
failure of an import; background commits of volumes; stopping, with some seconds between an interrupt and a kill, in
which the container commits its volumes itself. Not modelled: CPU, memory and GPUs (they are only recorded), limits of
the time to start, clusters, snapshots.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from grpclib import GRPCError
from grpclib.server import Server

from . import boxes
from .apps import STOPPED, Apps
from .boxes import Box
from .calls import Calls, Input, Result
from .changes import Changes
from .errors import not_found
from .functions import Function
from .ids import new_id
from .launching import Launching
from .logs import STDERR, STDOUT, Logs, lines_of
from .views import View

GRACE = 30  # seconds between interrupting a container and killing it
LAST_GRACE = 5  # the same, when the stand-in ends
BACKGROUND = 1.0  # seconds between commits of volumes in the background
MOST = 10  # containers of a function, if it does not say


@dataclass
class Container:
    """A container.

    :param inputs: those that it works on, by id.
    :param last: the one that it was given last.
    :param taken: how many it has been given so far.
    :param cancelled: ids of inputs to cancel, which it has not been told yet.
    :param ready: it has asked for an input.
    :param stopping: it gets no more inputs.
    :param preempted: its inputs come back as if it had never had them.
    :param failure: why it could not start.
    """

    function: Function
    id: str = field(default_factory=lambda: new_id("ta"))
    created: float = field(default_factory=time.time)
    inputs: dict[str, Input] = field(default_factory=dict)
    last: Input | None = None
    taken: int = 0
    cancelled: list[str] = field(default_factory=list)
    ready: bool = False
    stopping: bool = False
    preempted: bool = False
    failure: Result | None = None
    box: Box | None = None
    views: Mapping[str, View] = field(default_factory=dict)

    @property
    def room(self) -> int:
        """How many more inputs it can take at once."""
        definition = self.function.definition
        if definition.single_use_containers:
            return 1 - self.taken
        return (definition.target_concurrent_inputs or definition.max_concurrent_inputs or 1) - len(self.inputs)

    def open_files(self, volume: str) -> list[str]:
        """The files of a volume that it has open."""
        places = [one.mount_path for one in self.function.definition.volume_mounts if one.volume_id == volume]
        return [file for place in places for file in self.box.open_files(place)] if self.box else []

    def kill(self) -> None:
        """Kill all of its processes."""
        self.stopping = True
        if self.box:
            self.box.kill()


class Containers:
    """All containers that run, by id.

    :param serve: gives the service for a container, by id and the name of its function.
    :param commits: whether volumes are committed in the background.
    """

    def __init__(
        self, folder: Path, launching: Launching, apps: Apps, calls: Calls, logs: Logs, changes: Changes
    ) -> None:
        self._folder, self._launching, self._apps = folder, launching, apps
        self._calls, self._logs, self._changes = calls, logs, changes
        self.running: dict[str, Container] = {}
        self.serve: Callable[[str, str], object] = lambda id, function: None
        self.commits = True
        self._lives: set[asyncio.Task[None]] = set()

    def get(self, id: str) -> Container:
        """:raise GRPCError: there is none."""
        if id not in self.running:
            raise not_found(f"container {id}")
        return self.running[id]

    def of_app(self, app: str) -> list[Container]:
        """Those of an app."""
        return [one for one in self.running.values() if one.function.app == app]

    def of_function(self, function: str) -> list[Container]:
        """Those of a function that take inputs."""
        return [one for one in self.running.values() if one.function.id == function and not one.stopping]

    def wake(self, function_id: str) -> None:
        """Start containers, if more inputs wait than there is room for."""
        function = self._calls.functions.get(function_id)
        if self._apps.get(function.app).state == STOPPED:
            self._calls.cancel_app(function.app)
        mine = self.of_function(function_id)
        missing = len(self._calls.waiting[function_id]) - sum(max(0, one.room) for one in mine)
        most = function.definition.autoscaler_settings.max_containers or MOST
        for _ in range(min(missing, most - len(mine))):
            self._start(function)

    def published(self, app_id: str) -> None:
        """Replace the containers of an app that was deployed again, and start those that always run."""
        for container in self.of_app(app_id):
            container.stopping = True
        self._changes.announce()
        if self._apps.get(app_id).is_deployed:
            for function in self._calls.functions.of_app(app_id):
                for _ in range(function.definition.autoscaler_settings.min_containers):
                    self._start(function)

    def stop_app(self, app_id: str) -> None:
        """Cancel all calls of an app, and stop its containers."""
        self._calls.cancel_app(app_id)
        for container in self.of_app(app_id):
            self.stop(container)
        self._changes.announce()

    def stop(self, container: Container) -> None:
        """Let a container end: it gets no more inputs, is interrupted if it is at work, and is killed if it stays.

        What it worked on, unless that has ended, comes back as after a preemption.
        """
        container.stopping = container.preempted = True
        self._changes.announce()
        if container.box and (container.inputs or not container.ready):
            container.box.interrupt()
        asyncio.get_running_loop().call_later(GRACE, container.kill)

    def stop_input(self, input: Input, terminate: bool) -> None:
        """Let a container leave an input; the container is killed if it does not."""
        container = self.running.get(input.task)
        if container is None:
            return
        if terminate:
            self.stop(container)
            return
        container.cancelled.append(input.id)
        self._changes.announce()
        loop = asyncio.get_running_loop()
        loop.call_later(GRACE, lambda: container.kill() if input.id in container.inputs else None)

    async def stop_all(self) -> None:
        """Stop all containers, and wait until they are gone."""
        for app in {one.function.app for one in self.running.values()}:
            self.stop_app(app)
        if self._lives:
            await asyncio.wait(self._lives, timeout=LAST_GRACE)
        for container in self.running.values():
            container.kill()
        if self._lives:
            await asyncio.wait(self._lives, timeout=LAST_GRACE)

    def _start(self, function: Function) -> None:
        container = Container(function)
        self.running[container.id] = container
        life = asyncio.create_task(self._live(container))
        self._lives.add(life)
        life.add_done_callback(self._lives.discard)

    async def _live(self, container: Container) -> None:
        """A container from its beginning to its end."""
        folder = self._folder / container.id
        inside = folder / "inside"
        inside.mkdir(parents=True)
        server = Server([self.serve(container.id, container.function.definition.function_name)])
        await server.start(path=str(inside / "socket"))
        try:
            container.views = self._launching.views(container.function, folder / "views")
            spec = self._launching.spec(container.id, container.function, inside, container.views)
            container.box = box = await boxes.start(folder, spec)
            if container.stopping:
                box.kill()
            commits = asyncio.create_task(self._commit(container))
            await asyncio.gather(
                self._read(container, box.process.stdout, STDOUT), self._read(container, box.process.stderr, STDERR)
            )
            await box.process.wait()
            commits.cancel()
        except (GRPCError, OSError) as error:
            container.failure = Result(status=Result.GENERIC_STATUS_INIT_FAILURE, exception=str(error))
        finally:
            server.close()
            del self.running[container.id]
            self._end(container)
            self._changes.announce()

    async def _commit(self, container: Container) -> None:
        """Commit volumes in the background, where their mounts allow it."""
        mounts = container.function.definition.volume_mounts
        while True:
            await asyncio.sleep(BACKGROUND)
            for mount in mounts:
                if self.commits and mount.allow_background_commits:
                    container.views[mount.volume_id].commit()

    async def _read(self, container: Container, stream: asyncio.StreamReader | None, file_descriptor: int) -> None:
        """Keep what a container prints, as of the input that it was given last."""
        assert stream
        function = container.function
        async for line in lines_of(stream):
            call, id = (container.last.call.id, container.last.id) if container.last else ("", "")
            self._logs.add(function.app, function.base, container.id, call, id, file_descriptor, line)

    def _end(self, container: Container) -> None:
        """Give back what a container worked on, and what waited for it if it could not start."""
        status = container.box.process.returncode if container.box else None
        message = f"the container ended with exit status {status} before its input did"
        died = Result(status=Result.GENERIC_STATUS_FAILURE, exception=message)
        lost = list(container.inputs.values())
        if not container.ready and not container.stopping:
            while waiting := self._calls.take(container.function.id, container.id):
                lost.append(waiting)
        for input in lost:
            if container.preempted:
                self._calls.queue(input)
            else:
                self._calls.fail(input, container.failure or died)
        self.wake(container.function.id)
