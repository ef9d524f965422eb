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
from .apps import Apps
from .blobs import Blobs
from .calls import Calls
from .changes import Changes
from .containers import Containers
from .control import Control
from .environments import Environments
from .faults import Faults
from .functions import Functions
from .gate import Gate
from .images import Images
from .launching import Launching
from .logs import Logs
from .mounts import Mounts
from .record import CLIENT, Record
from .secrets import Secrets
from .service import Service, methods_of
from .volumes import Volumes
from .web import Web
from .work import Work


async def main(folder: Path, token: tuple[str, str]) -> None:
    layers = folder / "layers"
    layers.mkdir()
    enter.mount("tmpfs", layers, "tmpfs")

    changes, record, faults = Changes(), Record(folder / "requests.jsonl"), Faults(token)
    blobs, secrets, functions, logs = Blobs(folder, record), Secrets(), Functions(), Logs(changes)
    mounts = Mounts(folder, layers, blobs)
    volumes = Volumes(folder, blobs, mounts)
    images = Images(folder / "builds", layers, mounts, secrets, changes)
    apps, calls = Apps(functions), Calls(functions, changes)
    launching = Launching(apps, images, mounts, secrets, volumes)
    containers = Containers(folder / "tasks", launching, apps, calls, logs, changes)
    work = Work(containers, calls, changes)
    served = Web(calls, changes)

    functions.web_url = served.url
    calls.wake, calls.stop_input = containers.wake, containers.stop_input
    apps.published, apps.stop_app = containers.published, containers.stop_app
    apps.count_tasks = lambda app: len(containers.of_app(app))
    logs.app_done = apps.done
    methods = methods_of([Environments(), secrets, blobs, mounts, volumes, images, functions, calls, apps, work, logs])
    containers.serve = lambda id: Service(methods, record, faults, id)

    gates = {name: Gate(folder / name) for name in ("grpc", "http")}
    for gate in gates.values():
        await gate.open()
    server = Server([Service(methods, record, faults, CLIENT)])
    await server.start(path=str(folder / "grpc"))
    files = await _serve(blobs.routes())
    await web.UnixSite(files, str(folder / "http")).start()
    blobs.for_clients = f"http://127.0.0.1:{gates['http'].port}"
    blobs.for_containers = await _listen(files)
    looked_through = [folder / "blobs", folder / "blocks", folder / "contents", folder / "volumes", layers]
    control = Control(containers, faults, gates, images, secrets, served, logs, looked_through)
    wires = await _serve(control.routes())
    about = {"url": f"http://127.0.0.1:{gates['grpc'].port}", "control": await _listen(wires)}
    print(json.dumps(about), flush=True)
    await asyncio.to_thread(sys.stdin.read)

    await containers.stop_all()
    await served.close()
    for gate in gates.values():
        await gate.close()
    server.close()
    await files.cleanup()
    await wires.cleanup()
    ctypes.CDLL(None).umount2(bytes(layers), 2)
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
