"""What a container asks and tells while it works.

Models how it takes inputs and gives outputs, time-outs (the input has failed, and the container is stopped),
cancellation through the heartbeat, the scale-down window, the reloading of volumes, and stopping one by its id. Not
modelled: batches, dynamic concurrency.
"""

import asyncio

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from .calls import Calls, Input, Result
from .changes import Changes
from .containers import Container, Containers
from .record import CLIENT
from .views import View

WINDOW = 60  # seconds that a container waits for inputs, if the function does not say
SETTLE = 0.01  # seconds in which what an input has printed is read, before the input ends
HEARTBEAT = 10  # seconds after which a heartbeat is answered, if there is nothing to tell


class Work:
    """The work of all containers."""

    def __init__(self, containers: Containers, calls: Calls, changes: Changes) -> None:
        self._containers, self._calls, self._changes = containers, calls, changes

    async def ContainerHello(self, request: Empty, caller: str) -> Empty:
        return Empty()

    async def ContainerHeartbeat(
        self, request: api_pb2.ContainerHeartbeatRequest, caller: str
    ) -> api_pb2.ContainerHeartbeatResponse:
        container = self._containers.get(caller)
        if not await self._changes.until(lambda: container.cancelled, HEARTBEAT):
            return api_pb2.ContainerHeartbeatResponse()
        ids, container.cancelled = container.cancelled, []
        return api_pb2.ContainerHeartbeatResponse(cancel_input_event=api_pb2.CancelInputEvent(input_ids=ids))

    async def FunctionGetInputs(
        self, request: api_pb2.FunctionGetInputsRequest, caller: str
    ) -> api_pb2.FunctionGetInputsResponse:
        container = self._containers.get(caller)
        container.ready = True
        item = api_pb2.FunctionGetInputsItem(kill_switch=True)
        if input := await self._next(container):
            self._give(container, input)
            item = api_pb2.FunctionGetInputsItem(
                input_id=input.id,
                input=input.message,
                function_call_id=input.call.id,
                function_call_invocation_type=input.call.invocation,
                retry_count=input.attempt,
            )
        return api_pb2.FunctionGetInputsResponse(inputs=[item])

    async def _next(self, container: Container) -> Input | None:
        """The next input for a container; none, if it is to end."""
        function = container.function
        scaling = function.definition.autoscaler_settings
        taken: Input | None = None

        def look() -> bool:
            nonlocal taken
            if not container.stopping:
                taken = self._calls.take(function.id, container.id)
            return container.stopping or taken is not None

        while not await self._changes.until(look, scaling.scaledown_window or WINDOW):
            if not container.inputs and len(self._containers.of_function(function.id)) > scaling.min_containers:
                container.stopping = True
        return taken

    def _give(self, container: Container, input: Input) -> None:
        container.inputs[input.id] = container.last = input
        container.taken += 1
        if seconds := container.function.definition.timeout_secs:
            asyncio.get_running_loop().call_later(seconds, self._time_out, container, input, input.attempt)

    def _time_out(self, container: Container, input: Input, attempt: int) -> None:
        if input.id not in container.inputs or input.attempt != attempt:
            return
        seconds = container.function.definition.timeout_secs
        message = f"Task's current input in container {container.id} hit its timeout of {seconds}s"
        self._containers.stop(container)
        del container.inputs[input.id]
        self._calls.fail(input, Result(status=Result.GENERIC_STATUS_TIMEOUT, exception=message))

    async def FunctionPutOutputs(self, request: api_pb2.FunctionPutOutputsRequest, caller: str) -> Empty:
        container = self._containers.get(caller)
        await asyncio.sleep(SETTLE)
        for output in request.outputs:
            if not (input := container.inputs.pop(output.input_id, None)):
                continue
            if output.result.status in (Result.GENERIC_STATUS_SUCCESS, Result.GENERIC_STATUS_TERMINATED):
                self._calls.finish(input, output.result, output.data_format)
            else:
                self._calls.fail(input, output.result, output.data_format)
        self._containers.wake(container.function.id)
        return Empty()

    async def TaskResult(self, request: api_pb2.TaskResultRequest, caller: str) -> Empty:
        self._containers.get(caller).failure = request.result
        return Empty()

    async def ContainerStop(self, request: api_pb2.ContainerStopRequest, caller: str) -> api_pb2.ContainerStopResponse:
        container = self._containers.get(request.task_id or caller)
        if request.graceful:
            container.stopping = True
            self._changes.announce()
        else:
            self._containers.stop(container)
        return api_pb2.ContainerStopResponse()

    async def VolumeCommit(self, request: api_pb2.VolumeCommitRequest, caller: str) -> api_pb2.VolumeCommitResponse:
        self._view(request.volume_id, caller).commit()
        return api_pb2.VolumeCommitResponse(skip_reload=True)

    async def VolumeReload(self, request: api_pb2.VolumeReloadRequest, caller: str) -> Empty:
        view = self._view(request.volume_id, caller)
        if found := self._containers.get(caller).open_files(request.volume_id):
            raise GRPCError(Status.FAILED_PRECONDITION, f"there are open files preventing the operation: {found}")
        view.reload()
        return Empty()

    def _view(self, volume: str, caller: str) -> View:
        views = {} if caller == CLIENT else self._containers.get(caller).views
        if volume not in views:
            raise GRPCError(Status.FAILED_PRECONDITION, "only a container that has the volume can do this")
        return views[volume]

    async def TaskList(self, request: api_pb2.TaskListRequest, caller: str) -> api_pb2.TaskListResponse:
        tasks = [
            api_pb2.TaskStats(task_id=one.id, app_id=one.function.app, started_at=one.created, enqueued_at=one.created)
            for one in self._containers.running.values()
            if request.app_id in ("", one.function.app)
        ]
        return api_pb2.TaskListResponse(tasks=tasks)

    async def TaskGetInfo(self, request: api_pb2.TaskGetInfoRequest, caller: str) -> api_pb2.TaskGetInfoResponse:
        one = self._containers.get(request.task_id)
        info = api_pb2.TaskInfo(id=one.id, started_at=one.created, enqueued_at=one.created)
        return api_pb2.TaskGetInfoResponse(app_id=one.function.app, info=info)

    async def FunctionGetCurrentStats(
        self, request: api_pb2.FunctionGetCurrentStatsRequest, caller: str
    ) -> api_pb2.FunctionStats:
        same = [one for one in self._containers.running.values() if one.function.base == request.function_id]
        return api_pb2.FunctionStats(
            backlog=len(self._calls.waiting[request.function_id]),
            num_total_tasks=len(same),
            num_running_inputs=sum(len(one.inputs) for one in same),
        )
