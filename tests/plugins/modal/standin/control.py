"""The wires behind the stand-in: tests kill containers, cause faults and look inside, by HTTP on the loopback.

`POST /NAME` with a JSON mapping calls the method of that name; the answer is JSON.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from .faults import Faults
from .gate import Gate
from .subjects import Subjects


class Control:
    """What tests can do.

    :param folders: all that is looked through for a value.
    """

    def __init__(self, subjects: Subjects, faults: Faults, gates: Mapping[str, Gate], folders: list[Path]) -> None:
        self._subjects, self._faults, self._gates, self._folders = subjects, faults, gates, folders

    def routes(self) -> list[web.RouteDef]:
        """What is served."""
        names = [name for name in vars(type(self)) if not name.startswith("_") and name != "routes"]
        return [web.post(f"/{name}", self._serve) for name in names]

    async def _serve(self, request: web.Request) -> web.Response:
        try:
            answer = await getattr(self, request.path[1:])(**await request.json())
        except Exception as error:
            return web.Response(status=500, text=repr(error))
        return web.Response(text=json.dumps(answer), content_type="application/json")

    async def containers(self) -> list[dict[str, Any]]:
        return [
            {
                "id": one.id,
                "function": one.function.definition.function_name,
                "app": one.function.app,
                "inputs": list(one.inputs),
                "pid": one.box and one.box.process.pid,
            }
            for one in self._subjects.containers.running.values()
        ]

    async def kill(self, container: str, preempted: bool) -> None:
        one = self._subjects.containers.get(container)
        one.preempted = preempted
        one.kill()

    async def interrupt(self, container: str) -> None:
        self._subjects.containers.stop(self._subjects.containers.get(container))

    async def commit_in_background(self, allowed: bool) -> None:
        self._subjects.containers.commits = allowed

    async def put_secret(self, name: str, values: dict[str, str]) -> None:
        self._subjects.secrets.put(name, values)

    async def delete_secret(self, name: str) -> None:
        self._subjects.secrets.delete(name)

    async def put_proxy_token(self, key: str, secret: str) -> None:
        self._subjects.web.proxy_tokens.add((key, secret))

    async def refuse_token(self, refused: bool) -> None:
        self._faults.refuse_token = refused

    async def delay(self, source: str, method: str, seconds: float) -> None:
        self._faults.delay(source, method, seconds)

    async def fail(self, source: str, method: str, status: str, times: int) -> None:
        self._faults.fail(source, method, status, times)

    async def failures_left(self, source: str, method: str) -> int:
        return self._faults.left(source, method)

    async def network(self, up: bool) -> None:
        for gate in self._gates.values():
            if up:
                await gate.open()
            else:
                await gate.close()

    async def sent(self) -> int:
        return sum(gate.sent for gate in self._gates.values())

    async def images(self) -> list[dict[str, Any]]:
        return [
            {"id": one.id, "commands": list(one.definition.dockerfile_commands), "output": one.output}
            for one in self._subjects.images.all()
        ]

    async def calls(self) -> list[dict[str, Any]]:
        functions = self._subjects.functions
        definitions = [functions.get(one.function).definition for one in self._subjects.calls.all()]
        return [{"function": one.function_name, "gpus": one.resources.gpu_config.count} for one in definitions]

    async def output(self, call: str) -> str:
        return "".join(line.data for line in self._subjects.logs.lines if call in ("", line.call))

    async def find(self, value: str) -> list[str]:
        """The files, of all that clients and containers have sent or written, that hold a value."""
        printed = [f"output of {line.task}" for line in self._subjects.logs.lines if value in line.data]
        files = (path for folder in self._folders for path in folder.rglob("*") if path.is_file())
        return printed + [str(path) for path in files if value.encode() in path.read_bytes()]
