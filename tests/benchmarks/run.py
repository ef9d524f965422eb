"""The project's figures, measured side by side in one run: `python tests/benchmarks/run.py [NAME ...]`.

Each benchmark prints the medians of its commands, run in turn, and their ratio: a machine that is slow today is slow
for both. `quickstart` prints seconds by stage and the peak memory of all its processes together instead.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
from loggers import measure as measure_loggers
from merging import measure as measure_merging
from pulling import measure as measure_pulling
from serving import measure as measure_serving
from staging import measure as measure_staging
from training import measure as measure_training

ROOT = Path(__file__).parent.parent.parent

Command = Sequence[str | Path]


def main(arguments: Sequence[str]) -> None:
    """Run the benchmarks that are named, or all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], help="which ones; all, if none is named")
    parser.add_argument("--rounds", type=int, default=15, help="runs of each command")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="for the quickstart")
    parser.add_argument("--rows", type=int, default=40_000, help="rows to stage")
    parser.add_argument("--steps", type=int, default=24, help="steps to train")
    parser.add_argument("--axolotl", type=Path, help="the command of an axolotl to compare staging and merging with")
    parser.add_argument("--layers", type=int, default=22, help="of the model that is merged")
    parser.add_argument("--width", type=int, default=2048, help="of the model that is merged")
    parser.add_argument("--megabytes", type=int, default=300, help="of the file that is pulled")
    options = parser.parse_args(arguments)
    for name in options.names or BENCHMARKS:
        BENCHMARKS[name](options)


def help_command(options: argparse.Namespace) -> None:
    """`ftk --help` against importing click; the target is 3."""
    ftk, click = ["ftk", "--help"], [sys.executable, "-c", "import click"]
    _print_ratio("ftk --help / import click", *_medians(ftk, click, options.rounds))


def runs_command(options: argparse.Namespace) -> None:
    """`ftk runs` over 1,000 finished runs against `ftk --help`; the target is 10."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1000):
            _make_finished_run(Path(folder) / f"ftk-2026-01-01-00-00-00-{number:04x}")
        runs = ["ftk", "runs", "--runs-dir", folder]
        _print_ratio("ftk runs (1,000 runs) / ftk --help", *_medians(runs, ["ftk", "--help"], options.rounds))


def quickstart(options: argparse.Namespace) -> None:
    """Seconds by stage and peak memory of the quickstart, with the model's package fetched before."""
    with tempfile.TemporaryDirectory() as folder:
        cache = os.environ.get("FTK_TEST_CACHE") or f"{folder}/cache"
        places = {**os.environ, "FTK_RUNS_DIR": f"{folder}/runs", "FTK_CACHE_DIR": f"{cache}/ftk"}
        run = ["ftk", "run", ROOT / "configs/quickstart.yml", "--json"]
        changes = [part for item in options.set for part in ("--set", item)]
        subprocess.run([*run, "--until", "prepare_model"], env=places, check=True, capture_output=True)
        start = time.monotonic()
        printed, peak = _with_peak_memory([*run, *changes], places)
        record = json.loads(printed)
        for stage, seconds in _seconds_by_stage(Path(record["folder"])).items():
            print(f"quickstart {stage:<16} {seconds:7.1f} s")
        print(f"quickstart {'in all':<16} {time.monotonic() - start:7.1f} s")
        print(f"quickstart {'peak memory':<16} {peak / 2**20:7.0f} MiB")
        for score in record["scores"]:
            exact = f"{score['tuned']} of {score['rows']} exact, {score['base']} by the base"
            print(f"quickstart {score['split']:<16} {exact}")


def training(options: argparse.Namespace) -> None:
    """The embedded engine against trl's SFTTrainer by hand, in tokens a second; the target is 0.95 or more."""
    measure_training(min(options.rounds, 5), options.steps)


def staging(options: argparse.Namespace) -> None:
    """Staging against encode_batch (the target is 2) and `axolotl preprocess` (0.5), and unchanged data again (0.1)."""
    measure_staging(options.rows, min(options.rounds, 5), options.axolotl)


def merging(options: argparse.Namespace) -> None:
    """The merge against `axolotl merge-lora` (the target is 0.25), peft, cp + importing torch (3); its memory (4)."""
    measure_merging(options.layers, options.width, min(options.rounds, 5), options.axolotl)


def serving(options: argparse.Namespace) -> None:
    """vLLM through `ftk serve` against vLLM by hand: start (the target is 1.1) and throughput (0.9 or more)."""
    measure_serving(min(options.rounds, 3))


def loggers(options: argparse.Namespace) -> None:
    """The seconds of a training step with loggers that go wrong beside it against those without; the target is 1."""
    measure_loggers(options.steps, options.rounds)


def pulling(options: argparse.Namespace) -> None:
    """A file from Modal's stand-in by `ftk pull` against `modal volume get`; the target is 1.5 or less."""
    measure_pulling(options.megabytes, min(options.rounds, 5))


def _with_peak_memory(command: Command, variables: dict[str, str]) -> tuple[str, int]:
    """What a run prints, and the most bytes that its processes held together, looked at twice a second."""
    peak = 0
    process = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True)
    while process.poll() is None:
        peak = max(peak, _memory_of_runs(variables["FTK_RUNS_DIR"]))
        time.sleep(0.5)
    printed, _ = process.communicate()
    assert process.returncode == 0, printed
    return printed, peak


def _memory_of_runs(runs: str) -> int:
    total = 0
    for process in psutil.process_iter():
        try:
            if process.environ().get("FTK_RUN", "").startswith(runs):
                total += process.memory_info().rss
        except psutil.Error:
            continue
    return total


def _seconds_by_stage(run: Path) -> dict[str, float]:
    lines = (run / "events/driver.jsonl").read_text().splitlines()
    finished = [event for event in map(json.loads, lines) if event["kind"] == "stage_finished"]
    return {event["stage"]: event["seconds"] for event in finished}


def _make_finished_run(folder: Path) -> None:
    (folder / "events").mkdir(parents=True)
    (folder / "resolved.yml").write_text("base_model: x\n")
    (folder / "config.yml").write_text("base_model: x\n")
    event = {"time": 0, "kind": "run_finished", "status": "finished", "code": 0, "message": None, "remedy": None}
    (folder / "events/driver.jsonl").write_text(json.dumps(event) + "\n")


def _medians(first: Command, second: Command, rounds: int) -> tuple[float, float]:
    """Median seconds of two commands that are run in turn, after one uncounted run of each."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for command, kept in zip((first, second), times, strict=True):
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            if number:
                kept.append(time.perf_counter() - start)
    return statistics.median(times[0]), statistics.median(times[1])


def _print_ratio(name: str, first: float, second: float) -> None:
    print(f"{name}: {first:.3f} s / {second:.3f} s = {first / second:.2f}")


BENCHMARKS: dict[str, Callable[[argparse.Namespace], None]] = {
    "help": help_command,
    "runs": runs_command,
    "quickstart": quickstart,
    "staging": staging,
    "training": training,
    "loggers": loggers,
    "merging": merging,
    "pulling": pulling,
    "serving": serving,
}

if __name__ == "__main__":
    main(sys.argv[1:])
