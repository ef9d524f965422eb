"""The process of the stand-in: `python -m standin FOLDER TOKEN_ID TOKEN_SECRET`, in a mount namespace of its own.

Prints one line of JSON when it is ready. It ends with its standard input, thus also when whoever started it has died:
containers are interrupted and then killed, and the folder is removed.
"""

import asyncio
import ctypes
import json
import shutil
import socket
import sys
from pathlib import Path

from aiohttp import web
from grpclib.server import Server

from . import enter
from .control import Control
from .environments import Environments
from .faults import Faults
from .gate import Gate
from .record import Record
from .service import Service, methods_of
from .subjects import Subjects

MNT_DETACH = 2


async def main(folder: Path, token: tuple[str, str]) -> None:
    layers = folder / "layers"
    layers.mkdir()
    enter.mount("tmpfs", layers, "tmpfs")
    record, faults = Record(folder / "requests.jsonl"), Faults(token)
    subjects = Subjects(folder, layers, record)
    methods = methods_of([Environments(), *vars(subjects).values()])
    subjects.containers.serve = lambda id, function: Service(methods, record, faults, id, function)

    server = Server([Service(methods, record, faults)])
    await server.start(path=str(folder / "grpc"))
    files = await _serve(subjects.blobs.routes())
    await web.UnixSite(files, str(folder / "http")).start()
    gates = {name: Gate(folder / name) for name in ("grpc", "http")}
    for gate in gates.values():
        await gate.open()
    subjects.blobs.for_clients = f"http://127.0.0.1:{gates['http'].port}"
    subjects.blobs.for_containers = await _listen(files)

    sent = [folder / "blobs", folder / "blocks", folder / "contents", folder / "volumes", layers]
    wires = await _serve(Control(subjects, faults, gates, sent).routes())
    about = {"url": f"http://127.0.0.1:{gates['grpc'].port}", "control": await _listen(wires)}
    print(json.dumps(about), flush=True)
    await asyncio.to_thread(sys.stdin.read)

    await subjects.containers.stop_all()
    await subjects.web.close()
    for gate in gates.values():
        await gate.close()
    server.close()
    for runner in (files, wires):
        await runner.cleanup()
    ctypes.CDLL(None).umount2(bytes(layers), MNT_DETACH)
    shutil.rmtree(folder)


async def _serve(routes: list[web.RouteDef]) -> web.AppRunner:
    app = web.Application(client_max_size=1 << 30)
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    return runner


async def _listen(runner: web.AppRunner) -> str:
    """Serve at a port of the loopback interface, whose URL is returned."""
    listening = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listening).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), (sys.argv[2], sys.argv[3])))
