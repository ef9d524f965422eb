"""A plain Modal app: one function or class for each thing that the stand-in models."""

import os
import subprocess
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import modal

image = modal.Image.debian_slim().env({"FROM_IMAGE": "yes"})
wheel = os.environ.get("PLAIN_WHEEL")
installed = image
if wheel:
    place = f"/tmp/{Path(wheel).name}"
    installed = image.add_local_file(wheel, place, copy=True).uv_pip_install(place)

ECHO = """
import http.server, time

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        for piece in (body, b"the end"):
            self.wfile.write(piece)
            self.wfile.flush()
            time.sleep(0.5)

http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
"""

app = modal.App("plain", image=image, include_source=True)
shelf = modal.Volume.from_name("shelf", create_if_missing=True, version=2)
old_shelf = modal.Volume.from_name("old-shelf", create_if_missing=True, version=1)


@app.function(gpu=["H100:2", "A100-80GB:2"], cpu=2.0, memory=512, timeout=600, region="eu")
def double(number: int) -> int:
    print(f"doubling {number}")
    return 2 * number


@app.function(volumes={"/shelf": shelf, "/old": old_shelf})
def write(name: str, size: int) -> None:
    for folder, volume in (("/shelf", shelf), ("/old", old_shelf)):
        Path(folder, name).write_bytes(os.urandom(size))
        volume.commit()


@app.function(volumes={"/shelf": shelf})
def reload(holding: bool) -> None:
    with Path("/shelf/held" if holding else os.devnull).open("w"):
        shelf.reload()


@app.function(volumes={"/shelf": shelf}, retries=modal.Retries(max_retries=2, initial_delay=0.0))
def count_attempts(name: str, needed: int, seconds: float = 0) -> int:
    """Leave a mark, and fail while there are fewer than needed."""
    with Path("/shelf", name).open("a") as marks:
        marks.write("x")
    shelf.commit()
    print(f"attempt in {os.environ['MODAL_TASK_ID']}", flush=True)
    attempts = Path("/shelf", name).stat().st_size
    if attempts < needed:
        time.sleep(seconds)
        raise RuntimeError(f"attempt {attempts}")
    return attempts


@app.function(timeout=1)
def sleep(seconds: float) -> None:
    time.sleep(seconds)


@app.function()
def wait(seconds: float, beside: int = 86400) -> None:
    """Wait, beside a process that would outlive this one."""
    subprocess.Popen(["sleep", str(beside)], start_new_session=True)
    print("waiting", flush=True)
    time.sleep(seconds)


@app.function()
def count_up(end: int) -> Iterator[int]:
    yield from range(end)


@app.function(secrets=[modal.Secret.from_name("named"), modal.Secret.from_dict({"FROM_DICT": "d"})])
def look_around() -> dict[str, str | None]:
    names = ("FROM_NAMED", "FROM_DICT", "FROM_IMAGE", "MODAL_TOKEN_SECRET", "FROM_CLIENT")
    return {name: os.environ.get(name) for name in names}


@app.function(image=installed)
def entry_points(group: str) -> list[str]:
    return [one.load()() for one in metadata.entry_points(group=group)]


@app.cls(single_use_containers=True)
class Greeter:
    name: str = modal.parameter(default="nobody")

    @modal.enter()
    def prepare(self) -> None:
        self.greeting = "hello"

    @modal.method()
    def greet(self) -> tuple[str, str]:
        return f"{self.greeting} {self.name}", os.environ["MODAL_TASK_ID"]


@app.cls(scaledown_window=300)
@modal.concurrent(max_inputs=4)
class Pages:
    @modal.web_server(8000, startup_timeout=20)
    def serve(self) -> None:
        folder = Path("/srv/pages")
        folder.mkdir(parents=True)
        (folder / "index.html").write_text("a page")
        subprocess.Popen(["python", "-m", "http.server", "8000", "--bind", "0.0.0.0"], cwd=folder)


@app.function()
@modal.concurrent(max_inputs=4)
@modal.web_server(8000, startup_timeout=20, requires_proxy_auth=True)
def echo() -> None:
    """A server that gives back what it is sent, piece by piece."""
    subprocess.Popen(["python", "-c", ECHO])


@app.cls(volumes={"/shelf": shelf}, scaledown_window=60)
class Looker:
    @modal.method()
    def look(self, folder: str, reloads: bool) -> dict[str, str]:
        if reloads:
            shelf.reload()
        return {path.name: path.read_text() for path in sorted(Path("/shelf", folder).iterdir())}

    @modal.method()
    def write(self, name: str, commits: bool) -> None:
        Path("/shelf", name).write_text("written")
        if commits:
            shelf.commit()
