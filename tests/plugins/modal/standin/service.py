"""The gRPC service: finds the method that models a request, and records whatever comes.

A method is modelled by a method of the same name of one of the subjects; it takes the request and the caller, and
returns the answer or is a generator of answers. What no subject models is answered as not implemented, by name.
"""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from grpclib import GRPCError, Status
from modal_proto import api_grpc

from .environments import NAME
from .errors import not_found
from .faults import Faults
from .record import CLIENT, Record

Method = Callable[[Any, str], Any]


class Service:
    """What is served to one caller: the clients share a service, and each container has its own.

    A container does not say who it is: it is told by its socket.

    :param caller: `CLIENT`, or the id of a container.
    :param source: `CLIENT`, or the name of its Function.
    """

    def __init__(
        self, methods: Mapping[str, Method], record: Record, faults: Faults, caller: str = CLIENT, source: str = CLIENT
    ) -> None:
        self._methods, self._record, self._faults = methods, record, faults
        self._caller, self._source = caller, source

    def __mapping__(self) -> Any:
        return api_grpc.ModalClientBase.__mapping__(self)

    def __getattr__(self, name: str) -> Any:
        return functools.partial(self._answer, name)

    async def _answer(self, name: str, stream: Any) -> None:
        request = await stream.recv_message()
        self._record.message(self._caller, name, request)
        await self._faults.before(self._source, name, stream.metadata)
        if (environment := getattr(request, "environment_name", "")) not in ("", NAME):
            raise not_found(f"Environment '{environment}'")
        if name not in self._methods:
            raise GRPCError(Status.UNIMPLEMENTED, f"the stand-in does not model {name}")
        answer = self._methods[name](request, self._caller)
        if inspect.isasyncgen(answer):
            async for message in answer:
                await stream.send_message(message)
        else:
            await stream.send_message(await answer)


def methods_of(subjects: Sequence[object]) -> dict[str, Method]:
    """The methods that the subjects model, by name."""
    names = [name for name in vars(api_grpc.ModalClientBase) if name[0].isupper()]
    return {name: getattr(subject, name) for name in names for subject in subjects if hasattr(subject, name)}
