"""Function calls: inputs that wait, run and end.

Models calls of one input and of many, waiting for results, retries by the function's policy (all done here, none by
the client), cancellation, and the streams of data of generators and web requests. An input whose container was
preempted comes back without counting as an attempt, as the service tells; one whose container died counts as an
attempt. Not modelled: the expiry of results, and batches. A call that is cancelled does not cancel those that it has
made.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from .changes import Changes
from .errors import not_found
from .functions import Functions
from .ids import new_id

Result = api_pb2.GenericResult
Messages = Iterable[tuple[int, api_pb2.FunctionInput]]  # with their numbers in the call


@dataclass
class Input:
    """One input of a call.

    :param attempt: 0, and one more for each retry.
    :param task: the container that works on it.
    """

    call: "Call"
    idx: int
    message: api_pb2.FunctionInput
    id: str = field(default_factory=lambda: new_id("in"))
    attempt: int = 0
    task: str = ""
    output: api_pb2.FunctionGetOutputsItem | None = None


@dataclass
class Call:
    """A call of a function.

    :param finished: the inputs that have ended, in that order.
    :param data_in: what is streamed to the container, with the message that ends it.
    :param data_out: what the container streams back.
    """

    function: str
    app: str
    kind: int
    invocation: int
    id: str = field(default_factory=lambda: new_id("fc"))
    created: float = field(default_factory=time.time)
    inputs: list[Input] = field(default_factory=list)
    finished: list[Input] = field(default_factory=list)
    data_in: list[api_pb2.DataChunk] = field(default_factory=list)
    data_out: list[api_pb2.DataChunk] = field(default_factory=list)


class Calls:
    """All calls, by id.

    :param wake: told of the id of a function that has an input waiting.
    :param stop_input: asked to cancel an input that a container works on; the second argument: stop the container too.
    """

    def __init__(self, functions: Functions, changes: Changes) -> None:
        self.functions, self._changes = functions, changes
        self._calls: dict[str, Call] = {}
        self.waiting: dict[str, deque[Input]] = defaultdict(deque)
        self.wake: Callable[[str], None] = lambda function: None
        self.stop_input: Callable[[Input, bool], None] = lambda input, terminate: None

    def get(self, id: str) -> Call:
        """:raise GRPCError: there is none."""
        if id not in self._calls:
            raise not_found(f"Function call {id}")
        return self._calls[id]

    def all(self) -> list[Call]:
        """In the order of their making."""
        return list(self._calls.values())

    def make(self, function: str, kind: int, invocation: int, messages: Messages) -> Call:
        """Make a call, whose inputs wait from then on."""
        call = Call(function, self.functions.get(function).app, kind, invocation)
        self._calls[call.id] = call
        self.add(call, messages)
        return call

    def add(self, call: Call, messages: Messages) -> list[Input]:
        """Add inputs to a call."""
        added = [Input(call, idx, message) for idx, message in messages]
        call.inputs += added
        for one in added:
            self.queue(one)
        return added

    def queue(self, input: Input) -> None:
        """Let an input wait for a container."""
        if input.output is None:
            input.task = ""
            self.waiting[input.call.function].append(input)
            self._changes.announce()
            self.wake(input.call.function)

    def take(self, function: str, task: str) -> Input | None:
        """The next waiting input, for a container."""
        while self.waiting[function]:
            input = self.waiting[function].popleft()
            if input.output is None:
                input.task = task
                return input
        return None

    def fail(self, input: Input, result: Result, data_format: int = api_pb2.DATA_FORMAT_UNSPECIFIED) -> None:
        """End an attempt that failed: the input waits again, if the function's policy has a retry left."""
        policy = self.functions.get(input.call.function).definition.retry_policy
        if input.attempt >= policy.retries:
            self.finish(input, result, data_format)
            return
        growth = (policy.backoff_coefficient or 1.0) ** input.attempt
        delay = min(policy.initial_delay_ms * growth, policy.max_delay_ms or 60_000) / 1000
        input.attempt += 1
        input.task = ""
        asyncio.get_running_loop().call_later(delay, self.queue, input)

    def finish(self, input: Input, result: Result, data_format: int = api_pb2.DATA_FORMAT_UNSPECIFIED) -> None:
        """End an input; what has ended stays as it is."""
        if input.output is not None:
            return
        input.output = api_pb2.FunctionGetOutputsItem(
            result=result,
            idx=input.idx,
            input_id=input.id,
            data_format=data_format,
            task_id=input.task,
            output_created_at=time.time(),
            retry_count=input.attempt,
        )
        input.call.finished.append(input)
        self._changes.announce()

    def cancel(self, inputs: Iterable[Input], terminate: bool = False) -> None:
        """End inputs that have not ended, as cancelled."""
        for input in inputs:
            if input.output is None:
                if input in self.waiting[input.call.function]:
                    self.waiting[input.call.function].remove(input)
                elif input.task:
                    self.stop_input(input, terminate)
                self.finish(input, Result(status=Result.GENERIC_STATUS_TERMINATED, exception="Input was cancelled"))

    def cancel_app(self, app: str) -> None:
        """Cancel all calls of an app."""
        self.cancel(input for call in self._calls.values() if call.app == app for input in call.inputs)

    async def FunctionMap(self, request: api_pb2.FunctionMapRequest, caller: str) -> api_pb2.FunctionMapResponse:
        messages = [(item.idx, item.input) for item in request.pipelined_inputs]
        call = self.make(
            request.function_id, request.function_call_type, request.function_call_invocation_type, messages
        )
        return api_pb2.FunctionMapResponse(
            function_call_id=call.id,
            function_call_jwt=call.id,
            pipelined_inputs=[_receipt(one) for one in call.inputs],
            retry_policy=self.functions.get(request.function_id).definition.retry_policy,
            max_inputs_outstanding=1000,
        )

    async def FunctionPutInputs(
        self, request: api_pb2.FunctionPutInputsRequest, caller: str
    ) -> api_pb2.FunctionPutInputsResponse:
        added = self.add(self.get(request.function_call_id), [(item.idx, item.input) for item in request.inputs])
        return api_pb2.FunctionPutInputsResponse(inputs=[_receipt(one) for one in added])

    async def FunctionFinishInputs(self, request: api_pb2.FunctionFinishInputsRequest, caller: str) -> Empty:
        return Empty()

    async def FunctionGetOutputs(
        self, request: api_pb2.FunctionGetOutputsRequest, caller: str
    ) -> api_pb2.FunctionGetOutputsResponse:
        call = self.get(request.function_call_id)
        seen = 0 if request.HasField("start_idx") else int(request.last_entry_id.split("-")[0] or 0)

        def new() -> list[Input]:
            found = call.finished[seen:]
            if request.HasField("start_idx"):
                found = [one for one in found if request.start_idx <= one.idx <= request.end_idx]
            return found[: request.max_values or None]

        found = await self._changes.until(new, request.timeout)
        return api_pb2.FunctionGetOutputsResponse(
            outputs=[one.output for one in found if one.output],
            idxs=[one.idx for one in found],
            last_entry_id=f"{seen + len(found)}-0",
            num_unfinished_inputs=len(call.inputs) - len(call.finished),
        )

    async def FunctionCallFromId(
        self, request: api_pb2.FunctionCallFromIdRequest, caller: str
    ) -> api_pb2.FunctionCallFromIdResponse:
        call = self.get(request.function_call_id)
        metadata = api_pb2.FunctionCallHandleMetadata(app_id=call.app, function_id=call.function)
        return api_pb2.FunctionCallFromIdResponse(
            function_call_id=call.id, num_inputs=len(call.inputs), metadata=metadata
        )

    async def FunctionCallGetInfo(
        self, request: api_pb2.FunctionCallGetInfoRequest, caller: str
    ) -> api_pb2.FunctionCallGetInfoResponse:
        call = self.get(request.function_call_id)
        statuses = [one.output.result.status for one in call.finished if one.output]

        def count(*wanted: int) -> api_pb2.InputCategoryInfo:
            return api_pb2.InputCategoryInfo(total=sum(status in wanted for status in statuses))

        info = api_pb2.FunctionCallInfo(
            function_call_id=call.id,
            created_at=call.created,
            pending_inputs=api_pb2.InputCategoryInfo(total=len(call.inputs) - len(statuses)),
            succeeded_inputs=count(Result.GENERIC_STATUS_SUCCESS),
            timeout_inputs=count(Result.GENERIC_STATUS_TIMEOUT),
            cancelled_inputs=count(Result.GENERIC_STATUS_TERMINATED),
            failed_inputs=count(
                Result.GENERIC_STATUS_FAILURE,
                Result.GENERIC_STATUS_INIT_FAILURE,
                Result.GENERIC_STATUS_INTERNAL_FAILURE,
            ),
            total_inputs=len(call.inputs),
        )
        return api_pb2.FunctionCallGetInfoResponse(info=info)

    async def FunctionCallCancel(self, request: api_pb2.FunctionCallCancelRequest, caller: str) -> Empty:
        self.cancel(self.get(request.function_call_id).inputs, request.terminate_containers)
        return Empty()

    async def FunctionCallPutDataOut(self, request: api_pb2.FunctionCallPutDataRequest, caller: str) -> Empty:
        self.get(request.function_call_id).data_out.extend(request.data_chunks)
        self._changes.announce()
        return Empty()

    def FunctionCallGetDataIn(
        self, request: api_pb2.FunctionCallGetDataRequest, caller: str
    ) -> AsyncIterator[api_pb2.DataChunk]:
        return self.stream(self.get(request.function_call_id).data_in, request.last_index)

    def FunctionCallGetDataOut(
        self, request: api_pb2.FunctionCallGetDataRequest, caller: str
    ) -> AsyncIterator[api_pb2.DataChunk]:
        return self.stream(self.get(request.function_call_id).data_out, request.last_index)

    async def stream(self, chunks: list[api_pb2.DataChunk], last_index: int) -> AsyncIterator[api_pb2.DataChunk]:
        """The chunks after an index, as they come; for 55 seconds, then the client asks again."""
        end = time.monotonic() + 55
        while (left := end - time.monotonic()) > 0:
            new = await self._changes.until(lambda last=last_index: [one for one in chunks if one.index > last], left)
            for chunk in new:
                last_index = chunk.index
                yield chunk


def _receipt(input: Input) -> api_pb2.FunctionPutInputsResponseItem:
    return api_pb2.FunctionPutInputsResponseItem(idx=input.idx, input_id=input.id, input_jwt=input.id)
