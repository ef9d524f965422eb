"""Containers: processes of Modal's own entrypoint in boxes of their own, which take inputs and give results.

Models their start when inputs wait and none has room, up to `max_containers`; `min_containers` of deployed apps;
concurrency; the scale-down window; `single_use_containers`; time-outs, after which the input has failed and the
container is stopped; cancellation through the heartbeat; the failure of an import; the last commit, for which a
container is interrupted and has some seconds before it is killed. Not modelled: CPU, memory and GPUs (they are only
recorded), batches, clusters.
"""

import asyncio
import codecs
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf.empty_pb2 import Empty
from grpclib.server import Server
from modal_proto import api_pb2

from . import boxes
from .apps import Apps
from .calls import Calls, Input, Result
from .changes import Changes
from .environments import NAME
from .functions import Function
from .ids import new_id
from .images import Images
from .logs import STDERR, STDOUT, Logs
from .mounts import Mounts
from .secrets import Secrets
from .service import not_found
from .volumes import Volumes

GRACE = 10.0  # seconds between interrupting a container and killing it
WINDOW = 60  # seconds that a container waits for inputs, if the function does not say
PAUSE = 0.05  # seconds after which the beginning of a line is kept without its end
MOST = 10  # containers of a function, if it does not say
INSIDE = "/__modal"  # where a container finds its arguments and its socket


@dataclass
class Container:
    """A container.

    :param inputs: those that it works on, by id.
    :param taken: how many it has been given so far.
    :param cancelled: ids of inputs to cancel, which it has not been told yet.
    :param ready: it has asked for an input.
    :param stopping: it gets no more inputs.
    :param preempted: its inputs come back as if it had never had them.
    :param failure: why it could not start.
    """

    function: Function
    folder: Path
    id: str = field(default_factory=lambda: new_id("ta"))
    created: float = field(default_factory=time.time)
    inputs: dict[str, Input] = field(default_factory=dict)
    taken: int = 0
    cancelled: list[str] = field(default_factory=list)
    ready: bool = False
    stopping: bool = False
    preempted: bool = False
    failure: Result | None = None
    process: asyncio.subprocess.Process | None = None
    timers: dict[str, asyncio.TimerHandle] = field(default_factory=dict)

    @property
    def room(self) -> int:
        """How many more inputs it can take at once."""
        definition = self.function.definition
        if definition.single_use_containers:
            return 1 - self.taken
        return (definition.target_concurrent_inputs or definition.max_concurrent_inputs or 1) - len(self.inputs)

    def kill(self) -> None:
        """Kill all of its processes."""
        if self.process and self.process.returncode is None:
            self.process.kill()


class Containers:
    """All containers that run, by id.

    :param serve: gives the service for a container, by id.
    """

    def __init__(
        self,
        folder: Path,
        apps: Apps,
        calls: Calls,
        images: Images,
        mounts: Mounts,
        secrets: Secrets,
        volumes: Volumes,
        logs: Logs,
        changes: Changes,
    ) -> None:
        self._folder, self._apps, self._calls, self._images, self._mounts = folder, apps, calls, images, mounts
        self._secrets, self._volumes, self._logs, self._changes = secrets, volumes, logs, changes
        self.running: dict[str, Container] = {}
        self.serve: Callable[[str], object] = lambda id: None
        self._lives: set[asyncio.Task[None]] = set()

    def get(self, id: str) -> Container:
        """:raise GRPCError: there is none."""
        if id not in self.running:
            raise not_found(f"container {id}")
        return self.running[id]

    def of_app(self, app: str) -> list[Container]:
        """Those of an app."""
        return [one for one in self.running.values() if one.function.app == app]

    def wake(self, function_id: str) -> None:
        """Start containers, if more inputs wait than there is room for."""
        function = self._calls.functions.get(function_id)
        mine = [one for one in self.running.values() if one.function.id == function_id and not one.stopping]
        room = sum(max(0, one.room) for one in mine)
        scaling = function.definition.autoscaler_settings
        wanted = len(self._calls.waiting[function_id]) - room
        for _ in range(min(wanted, (scaling.max_containers or MOST) - len(mine))):
            self._start(function)

    def published(self, app_id: str) -> None:
        """Replace the containers of an app that was deployed again, and start those that always run."""
        for container in self.of_app(app_id):
            container.stopping = True
        self._changes.announce()
        if self._apps.get(app_id).state == api_pb2.APP_STATE_DEPLOYED:
            for function in self._calls.functions.of_app(app_id):
                for _ in range(function.definition.autoscaler_settings.min_containers):
                    self._start(function)

    def stop_app(self, app_id: str) -> None:
        """Cancel all calls of an app, and stop its containers."""
        self._calls.cancel_app(app_id)
        for container in self.of_app(app_id):
            self.stop(container)

    def stop(self, container: Container) -> None:
        """Let a container end: it gets no more inputs, is interrupted, and is killed some seconds later."""
        if not container.stopping or container.inputs:
            container.stopping = True
            self._changes.announce()
            if (container.inputs or not container.ready) and container.process and container.process.stdin:
                container.process.stdin.write(b"stop\n")
            asyncio.get_running_loop().call_later(GRACE, container.kill)

    def stop_input(self, input: Input, terminate: bool) -> None:
        """Let a container leave an input; it is killed if it does not within some seconds."""
        container = self.running.get(input.task)
        if container is None:
            return
        if terminate:
            self.stop(container)
            return
        container.cancelled.append(input.id)
        self._changes.announce()
        asyncio.get_running_loop().call_later(GRACE, lambda: container.kill() if input.id in container.inputs else None)

    async def stop_all(self) -> None:
        """Stop all containers, and wait until they are gone."""
        for app in {one.function.app for one in self.running.values()}:
            self.stop_app(app)
        if self._lives:
            await asyncio.wait(self._lives, timeout=GRACE + 5)

    def _start(self, function: Function) -> None:
        container = Container(function, self._folder)
        container.folder = self._folder / container.id
        self.running[container.id] = container
        life = asyncio.create_task(self._live(container))
        self._lives.add(life)
        life.add_done_callback(self._lives.discard)

    async def _live(self, container: Container) -> None:
        """A container from its beginning to its end."""
        inside = container.folder / "inside"
        inside.mkdir(parents=True)
        (inside / "arguments").write_bytes(self._arguments(container).SerializeToString())
        server = Server([self.serve(container.id)])  # type: ignore[list-item]
        await server.start(path=str(inside / "socket"))
        try:
            image = self._images.get(container.function.definition.image_id)
            container.process = process = await boxes.start(
                container.folder / "box",
                ["python", "-m", "modal._container_entrypoint"],
                image.variables | self._variables(container),
                [*map(self._mounts.layer, container.function.definition.mount_ids), *image.layers],
                binds=[(inside, INSIDE, True), *self._binds(container)],
                directory=image.directory,
                network=_serves_web(container.function),
            )
            if container.stopping:
                container.kill()
            assert process.stdout and process.stderr
            await asyncio.gather(
                self._read(container, process.stdout, STDOUT), self._read(container, process.stderr, STDERR)
            )
            status = await process.wait()
        finally:
            server.close()
            del self.running[container.id]
            self._changes.announce()
        self._end(container, status)

    def _end(self, container: Container, status: int) -> None:
        """Give back what a container worked on, and what waited for it if it could not start."""
        for timer in container.timers.values():
            timer.cancel()
        died = Result(
            status=Result.GENERIC_STATUS_FAILURE,
            exception=f"the container ended with exit status {status} before its input did",
        )
        lost = list(container.inputs.values())
        if not container.ready and not container.stopping:
            while waiting := self._calls.take(container.function.id, container.id):
                lost.append(waiting)
        for input in lost:
            if container.preempted:
                self._calls.queue(input)
            elif input.task == container.id:
                self._calls.fail(input, container.failure or died)
        self.wake(container.function.id)

    def _arguments(self, container: Container) -> api_pb2.ContainerArguments:
        function = container.function
        layout = self._apps.layout(self._apps.get(function.app))
        layout.objects.extend(self._dependencies(function.definition))
        return api_pb2.ContainerArguments(
            task_id=container.id,
            function_id=function.id,
            app_id=function.app,
            function_def=function.definition,
            serialized_params=function.parameters,
            environment_name=NAME,
            app_layout=layout,
        )

    def _dependencies(self, definition: api_pb2.Function) -> list[api_pb2.Object]:
        """Every object that the function needs; the entrypoint fails without one of them."""
        volumes = {mount.volume_id for mount in definition.volume_mounts}
        others = {one.object_id for one in definition.object_dependencies} | {definition.image_id}
        return [
            *(api_pb2.Object(object_id=id, volume_metadata=self._volumes.get(id).metadata) for id in volumes),
            *(api_pb2.Object(object_id=id) for id in others - volumes),
        ]

    def _variables(self, container: Container) -> dict[str, str]:
        definition = container.function.definition
        return {
            "PYTHONPATH": "/root",
            **self._secrets.variables(definition.secret_ids),
            "MODAL_SERVER_URL": f"unix://{INSIDE}/socket",
            "MODAL_CONTAINER_ARGUMENTS_PATH": f"{INSIDE}/arguments",
            "MODAL_CONFIG_PATH": "/nonexistent",
            "MODAL_IS_REMOTE": "1",
            "MODAL_TASK_ID": container.id,
            "MODAL_IMAGE_ID": definition.image_id,
            "MODAL_ENVIRONMENT": NAME,
        }

    def _binds(self, container: Container) -> list[tuple[Path, str, bool]]:
        return [
            (self._volumes.get(mount.volume_id).path(mount.sub_path), mount.mount_path, mount.read_only)
            for mount in container.function.definition.volume_mounts
        ]

    async def _read(self, container: Container, stream: asyncio.StreamReader, file_descriptor: int) -> None:
        """Keep what a container prints, in lines where it does not pause within one."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        text, ended = "", False
        while not ended:
            try:
                data = await asyncio.wait_for(stream.read(1 << 16), PAUSE if text else None)
                text, ended = text + decoder.decode(data), not data
                lines, text = (text, "") if ended else _whole_lines(text)
            except TimeoutError:
                lines, text = text, ""
            for line in lines.splitlines(keepends=True):
                self._keep(container, file_descriptor, line)

    def _keep(self, container: Container, file_descriptor: int, line: str) -> None:
        function, input = container.function, next(iter(container.inputs.values()), None)
        call, id = (input.call.id, input.id) if input else ("", "")
        self._logs.add(function.app, function.base, container.id, call, id, file_descriptor, line)

    async def ContainerHello(self, request: Empty, caller: str) -> Empty:
        return Empty()

    async def ContainerHeartbeat(
        self, request: api_pb2.ContainerHeartbeatRequest, caller: str
    ) -> api_pb2.ContainerHeartbeatResponse:
        container = self.get(caller)
        if not await self._changes.until(lambda: container.cancelled, timeout=10):
            return api_pb2.ContainerHeartbeatResponse()
        ids, container.cancelled = container.cancelled, []
        return api_pb2.ContainerHeartbeatResponse(cancel_input_event=api_pb2.CancelInputEvent(input_ids=ids))

    async def FunctionGetInputs(
        self, request: api_pb2.FunctionGetInputsRequest, caller: str
    ) -> api_pb2.FunctionGetInputsResponse:
        container = self.get(caller)
        container.ready = True
        scaling = container.function.definition.autoscaler_settings
        input: Input | None = None

        def look() -> bool:
            nonlocal input
            if not container.stopping:
                input = self._calls.take(container.function.id, container.id)
            return container.stopping or input is not None

        while not await self._changes.until(look, scaling.scaledown_window or WINDOW):
            same = [one for one in self.running.values() if one.function.id == container.function.id]
            if not container.inputs and len(same) > scaling.min_containers:
                container.stopping = True
        if input is None:
            return api_pb2.FunctionGetInputsResponse(inputs=[api_pb2.FunctionGetInputsItem(kill_switch=True)])
        self._give(container, input)
        item = api_pb2.FunctionGetInputsItem(
            input_id=input.id,
            input=input.message,
            function_call_id=input.call.id,
            function_call_invocation_type=input.call.invocation,  # type: ignore[arg-type]
            retry_count=input.attempt,
        )
        return api_pb2.FunctionGetInputsResponse(inputs=[item])

    def _give(self, container: Container, input: Input) -> None:
        container.inputs[input.id] = input
        container.taken += 1
        if seconds := container.function.definition.timeout_secs:
            timer = asyncio.get_running_loop().call_later(seconds, self._time_out, container, input)
            container.timers[input.id] = timer

    def _time_out(self, container: Container, input: Input) -> None:
        seconds = container.function.definition.timeout_secs
        message = f"Task's current input in container {container.id} hit its timeout of {seconds}s"
        self._calls.fail(input, Result(status=Result.GENERIC_STATUS_TIMEOUT, exception=message))
        container.preempted = True  # whatever else it worked on is not to blame
        self.stop(container)
        del container.inputs[input.id]

    async def FunctionPutOutputs(self, request: api_pb2.FunctionPutOutputsRequest, caller: str) -> Empty:
        container = self.get(caller)
        for output in request.outputs:
            input = container.inputs.pop(output.input_id, None)
            if input is None:
                continue
            container.timers.pop(input.id).cancel()
            if output.result.status in (Result.GENERIC_STATUS_SUCCESS, Result.GENERIC_STATUS_TERMINATED):
                self._calls.finish(input, output.result, output.data_format)
            else:
                self._calls.fail(input, output.result, output.data_format)
        self.wake(container.function.id)
        return Empty()

    async def TaskResult(self, request: api_pb2.TaskResultRequest, caller: str) -> Empty:
        self.get(caller).failure = request.result
        return Empty()

    async def ContainerStop(self, request: api_pb2.ContainerStopRequest, caller: str) -> api_pb2.ContainerStopResponse:
        container = self.get(request.task_id or caller)
        if request.graceful:
            container.stopping = True
            self._changes.announce()
        else:
            container.preempted = True
            self.stop(container)
        return api_pb2.ContainerStopResponse()

    async def TaskList(self, request: api_pb2.TaskListRequest, caller: str) -> api_pb2.TaskListResponse:
        tasks = [
            api_pb2.TaskStats(task_id=one.id, app_id=one.function.app, started_at=one.created, enqueued_at=one.created)
            for one in self.running.values()
            if request.app_id in ("", one.function.app)
        ]
        return api_pb2.TaskListResponse(tasks=tasks)

    async def FunctionGetCurrentStats(
        self, request: api_pb2.FunctionGetCurrentStatsRequest, caller: str
    ) -> api_pb2.FunctionStats:
        same = [one for one in self.running.values() if one.function.base == request.function_id]
        return api_pb2.FunctionStats(
            backlog=len(self._calls.waiting[request.function_id]),
            num_total_tasks=len(same),
            num_running_inputs=sum(len(one.inputs) for one in same),
        )


def _whole_lines(text: str) -> tuple[str, str]:
    """A text up to its last end of line, and the rest."""
    end = max(text.rfind("\n"), text.rfind("\r")) + 1
    return text[:end], text[end:]


def _serves_web(function: Function) -> bool:
    methods = function.definition.method_definitions.values()
    return any(config.type for config in (function.definition.webhook_config, *(one.webhook_config for one in methods)))
