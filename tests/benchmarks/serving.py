"""vLLM through `ftk serve` against vLLM started by hand on the same model: seconds to be ready, tokens a second.

`FTK_TEST_VLLM` names an interpreter that has vLLM.
"""

import json
import os
import signal
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError

Command = Sequence[str | Path]

ROOT = Path(__file__).parent.parent.parent

AT_ONCE = 16
NEW = 64
"""Tokens of each answer."""

NAME = "measured"

BY_HAND = "--dtype float32 --kv-cache-memory-bytes 1G --enforce-eager --distributed-executor-backend uni"

PATIENCE = 120
"""Seconds for a server to start."""


def measure(rounds: int) -> None:
    """Print the medians of both, in turn, and their ratios."""
    python = os.environ.get("FTK_TEST_VLLM")
    if python is None:
        print("vLLM is left out: FTK_TEST_VLLM names an interpreter that has it")
        return
    with tempfile.TemporaryDirectory() as folder:
        calls = _calls(python, folder)
        measured = [[_served(command, variables) for command, variables in calls] for _ in range(rounds)]
    for number, (name, unit) in enumerate((("start", "s"), ("throughput", "tokens/s"))):
        by_ftk, by_hand = (statistics.median(values[call][number] for values in measured) for call in (0, 1))
        print(f"{name} of vLLM by ftk / by hand: {by_ftk:.1f} {unit} / {by_hand:.1f} {unit} = {by_ftk / by_hand:.2f}")


def _calls(python: str, folder: str) -> list[tuple[Command, dict[str, str]]]:
    """Both commands on the model of a run that is made in a folder, and their environments."""
    cache = os.environ.get("FTK_TEST_CACHE") or f"{folder}/cache"
    places = {**os.environ, "FTK_RUNS_DIR": f"{folder}/runs", "FTK_CACHE_DIR": f"{cache}/ftk"}
    run: Command = ["ftk", "run", ROOT / "configs/quickstart.yml", "--name", NAME, "--set", "max_steps=1"]
    subprocess.run([*run, "--set", "ftk.evaluate.rows=0"], env=places, check=True, capture_output=True)
    (model,) = Path(folder, "runs").glob("*/lora-out/merged")
    by_ftk: Command = ["ftk", "serve", NAME, "--server", "vllm", "--set", f"ftk.environments.vllm={python}"]
    what: Command = ["--model", model, "--served-model-name", NAME]
    by_hand: Command = [python, "-m", "vllm.entrypoints.openai.api_server", *what, *BY_HAND.split()]
    variables = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
    return [(by_ftk, places), (by_hand, {**places, **variables})]


def _served(command: Command, variables: dict[str, str]) -> tuple[float, float]:
    """Seconds until a server answers, and the tokens a second of its answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = int(listener.getsockname()[1])
    start = time.perf_counter()
    place = ("--host", "127.0.0.1", "--port", str(port))
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen([*command, *place], env=variables, stdout=output, stderr=output)
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}/health", process)
            seconds = time.perf_counter() - start
            _speed(port)  # the first requests make what later ones use
            return seconds, _speed(port)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]") -> None:
    began = time.perf_counter()
    while process.poll() is None and time.perf_counter() - began < PATIENCE:
        with suppress(URLError, OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.05)
    raise SystemExit("the server did not start")


def _speed(port: int) -> float:
    """Tokens a second of answers that are asked for at once."""
    start = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        tokens = sum(pool.map(lambda number: _ask(port, f"Tell a story of {number} dwarfs."), range(AT_ONCE)))
    return tokens / (time.perf_counter() - start)


def _ask(port: int, prompt: str) -> int:
    body = {"model": NAME, "prompt": prompt, "max_tokens": NEW, "temperature": 0, "ignore_eos": True}
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/completions", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return int(json.load(answer)["usage"]["completion_tokens"])
