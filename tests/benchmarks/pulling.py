"""`ftk pull` of a large file from Modal against the client's own `modal volume get`, both from the stand-in."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "plugins" / "modal"))

from standin import running

RUN = "ftk-2026-11-24-19-13-05-0fb0"

FILE = "lora-out/merged/model.safetensors"

VOLUME = "ftk-runs"

MB = 1_000_000

UPLOAD = """
import sys, modal
with modal.Volume.from_name(sys.argv[1], create_if_missing=True, version=2).batch_upload() as batch:
    batch.put_directory(sys.argv[2], "/")
"""


def measure(size: int, rounds: int) -> None:
    """Print the median seconds of both, run in turn, and their ratio.

    :param size: of the file, in MB.
    """
    with tempfile.TemporaryDirectory() as folder, running.start() as standin:
        here = Path(folder)
        for path, content in (
            (f"{RUN}/{FILE}", os.urandom(size * MB)),
            (f"{RUN}/resolved.yml", b""),
            (f".runs/{RUN}", b"x"),
        ):
            (here / "run" / path).parent.mkdir(parents=True, exist_ok=True)
            (here / "run" / path).write_bytes(content)
        variables = {**os.environ, **standin.variables, "FTK_BACKEND": "modal", "FTK_MODAL_RUNS": VOLUME}
        subprocess.run([sys.executable, "-c", UPLOAD, VOLUME, here / "run"], env=variables, check=True)
        pulls, gets = [], []
        for number in range(rounds):
            pulled, got = here / f"pulled-{number}", here / f"got-{number}"
            pulls.append(_seconds(["ftk", "pull", RUN, FILE, "--to", str(pulled)], variables))
            gets.append(_seconds(["modal", "volume", "get", VOLUME, f"{RUN}/{FILE}", str(got)], variables))
            assert (pulled / FILE).read_bytes() == got.read_bytes()
        first, second = statistics.median(pulls), statistics.median(gets)
        print(f"pull of {size} MB / modal volume get: {first:.2f} s / {second:.2f} s = {first / second:.2f}")


def _seconds(command: list[str], variables: dict[str, str]) -> float:
    start = time.monotonic()
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return time.monotonic() - start
