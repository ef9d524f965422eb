"""What loggers cost a training: the seconds between its steps, with loggers that go wrong beside it and without."""

import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from ftk.testing.tiny_model import write_tiny_model

DRILLS = Path(__file__).parent.parent / "end_to_end/drill_loggers.py"

BAD = ("sleeping", "raising", "hanging", "exiting", "recording")

ROWS = [{"instruction": f"what is {number} and {number}?", "output": str(2 * number)} for number in range(64)]


def measure(steps: int, rounds: int) -> None:
    """Print the median seconds of a step with and without loggers, from runs made in turn, and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        config = _write_config(Path(folder), steps)
        chosen = ["--plugin", str(DRILLS), *(part for name in BAD for part in ("--logger", name))]
        logged, alone = [], []
        for _ in range(rounds):
            logged += _step_seconds(config, *chosen)
            alone += _step_seconds(config)
    first, second = statistics.median(logged), statistics.median(alone)
    print(f"step with {len(BAD)} loggers / without: {first:.4f} s / {second:.4f} s = {first / second:.3f}")


def _write_config(folder: Path, steps: int) -> Path:
    write_tiny_model(folder / "model")
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    kind = {"field_instruction": "instruction", "field_output": "output", "format": "{instruction} "}
    config = {
        "base_model": "model",
        "datasets": [{"path": "data.jsonl", "type": kind}],
        "micro_batch_size": 8,
        "gradient_accumulation_steps": 4,
        "max_steps": steps,
        "ftk": {"engine": "transformers", "evaluate": {"rows": 0}, "logging": {"drain": 0}},
    }
    (folder / "config.yml").write_text(json.dumps(config))
    return folder / "config.yml"


def _step_seconds(config: Path, *arguments: str) -> Iterator[float]:
    """The seconds between the steps of a new run, without the first, for which everything is warmed up."""
    places = {**os.environ, "FTK_RUNS_DIR": str(config.parent / "runs"), "FTK_CACHE_DIR": str(config.parent / "cache")}
    command = ["ftk", "run", config.name, "--until", "train", "--json", *arguments]
    done = subprocess.run(command, cwd=config.parent, env=places, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    events = Path(config.parent, json.loads(done.stdout)["folder"], "events/train-1.jsonl")
    metrics = [event for event in map(json.loads, events.read_text().splitlines()) if event["kind"] == "metrics"]
    times = [event["time"] for event in metrics][1:]
    return (later - earlier for earlier, later in pairwise(times))
