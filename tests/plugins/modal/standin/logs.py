"""What containers print, kept by app, and streamed to clients.

Models the following of an app's logs, those of a function, a call, an input or a container, from where a client was;
and fetching them by time. Output belongs to the input that the container works on. Not modelled: search, counts,
progress.
"""

import asyncio
import codecs
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from modal_proto import api_pb2

from .changes import Changes

PAUSE = 0.05  # seconds after which the beginning of a line is given without its end
STDOUT, STDERR = api_pb2.FILE_DESCRIPTOR_STDOUT, api_pb2.FILE_DESCRIPTOR_STDERR


@dataclass(frozen=True)
class Line:
    """A piece of output, and what it belongs to, by ids."""

    app: str
    function: str
    task: str
    call: str
    input: str
    file_descriptor: int
    data: str
    time: float

    def batch(self, number: int) -> api_pb2.TaskLogsBatch:
        """As clients get it. :param number: of the entry to go on from."""
        item = api_pb2.TaskLogs(
            data=self.data,
            timestamp=self.time,
            timestamp_ns=int(self.time * 1e9),
            file_descriptor=self.file_descriptor,
            function_call_id=self.call,
            input_id=self.input,
            container_id=self.task,
        )
        return api_pb2.TaskLogsBatch(
            task_id=self.task, function_id=self.function, input_id=self.input, items=[item], entry_id=f"{number}-0"
        )


class Logs:
    """All output.

    :param app_done: tells of an app, by id, whether it was stopped and has no container any more.
    """

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self.lines: list[Line] = []
        self.app_done: Callable[[str], bool] = lambda app: False

    def add(self, app: str, function: str, task: str, call: str, input: str, file_descriptor: int, data: str) -> None:
        """Keep a piece of output."""
        self.lines.append(Line(app, function, task, call, input, file_descriptor, data, time.time()))
        self._changes.announce()

    async def AppGetLogs(self, request: api_pb2.AppGetLogsRequest, caller: str) -> AsyncIterator[api_pb2.TaskLogsBatch]:
        end = time.monotonic() + request.timeout
        seen = int(request.last_entry_id.split("-")[0] or 0)
        while True:
            done = self.app_done(request.app_id)
            for number, line in enumerate(self.lines[seen:], seen + 1):
                if _matches(line, request):
                    yield line.batch(number)
            seen = len(self.lines)
            if done:
                yield api_pb2.TaskLogsBatch(app_done=True)
                return
            if (left := end - time.monotonic()) <= 0:
                return
            await self._changes.until(lambda sent=seen: len(self.lines) > sent or self.app_done(request.app_id), left)

    async def AppFetchLogs(self, request: api_pb2.AppFetchLogsRequest, caller: str) -> api_pb2.AppFetchLogsResponse:
        since, until = request.since.ToNanoseconds() / 1e9, request.until.ToNanoseconds() / 1e9 or time.time()
        found = [
            line.batch(number)
            for number, line in enumerate(self.lines, 1)
            if _matches(line, request) and since <= line.time <= until and request.search_text in line.data
        ]
        return api_pb2.AppFetchLogsResponse(batches=found[-request.limit :] if request.limit else found)


def _matches(line: Line, request: api_pb2.AppGetLogsRequest | api_pb2.AppFetchLogsRequest) -> bool:
    source = request.file_descriptor if isinstance(request, api_pb2.AppGetLogsRequest) else request.source
    return (
        line.app == request.app_id
        and request.function_id in ("", line.function)
        and request.function_call_id in ("", line.call)
        and request.task_id in ("", line.task)
        and source in (api_pb2.FILE_DESCRIPTOR_UNSPECIFIED, line.file_descriptor)
    )


async def lines_of(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """What is printed, in lines, or the beginning of a line after which nothing came for a while."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text, ended = "", False
    while not ended:
        try:
            data = await asyncio.wait_for(stream.read(1 << 16), PAUSE if text else None)
            text, ended = text + decoder.decode(data), not data
            end = len(text) if ended else max(text.rfind("\n"), text.rfind("\r")) + 1
        except TimeoutError:
            end = len(text)
        for line in text[:end].splitlines(keepends=True):
            yield line
        text = text[end:]
