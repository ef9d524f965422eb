"""How fast the embedded engine trains, against trl's SFTTrainer written by hand, and whether the losses are the same.

Both train an adapter of SmolLM2-135M on the same rows in the same order, in processes that take turns. A step's time
counts from the end of the one before, so that start-up does not count.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

ROOT = Path(__file__).parent.parent.parent
CONFIG = ROOT / "configs/quickstart.yml"

BATCH = 2
CHANGES = {"lr_scheduler": "constant", "warmup_steps": None, "group_by_length": False, "eval_strategy": "no"}


def measure(rounds: int, steps: int) -> None:
    """Print the medians of both, their ratio, and the largest difference of their losses."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = _prepare(folder, steps)
        settings = _settings(run, folder, steps)
        speeds: dict[str, list[float]] = {"engine": [], "by hand": []}
        for _ in range(rounds):
            ours, theirs = _engine(run, settings), _by_hand(folder / "settings.json")
            for kind, noted in (("engine", ours), ("by hand", theirs)):
                speeds[kind].append(_speed(noted["times"], settings["tokens"]))
                print(f"training {kind:<8} {speeds[kind][-1]:7.1f} tokens/s", flush=True)
    first, second = (statistics.median(speeds[kind]) for kind in ("engine", "by hand"))
    pairs = zip(ours["losses"], theirs["losses"], strict=True)
    print(f"largest difference of {steps} losses: {max(abs(a - b) for a, b in pairs):.2g} of {ours['losses'][0]:.4f}")
    print(f"training / SFTTrainer by hand: {first:.1f} tokens/s / {second:.1f} tokens/s = {first / second:.2f}")


def _prepare(folder: Path, steps: int) -> Path:
    """A run of the quickstart with data and model, and nothing trained."""
    cache = os.environ.get("FTK_TEST_CACHE") or f"{folder}/cache"
    places = {**os.environ, "FTK_RUNS_DIR": f"{folder}/runs", "FTK_CACHE_DIR": f"{cache}/ftk"}
    command = ["ftk", "run", CONFIG, "--json", "--until", "prepare_model", "--set", "lora_r=16"]
    done = subprocess.run(command, env=places, check=True, capture_output=True, text=True)
    run = Path(json.loads(done.stdout)["folder"])
    resolved = yaml.safe_load((run / "resolved.yml").read_text())
    resolved |= {**CHANGES, "max_steps": steps, "micro_batch_size": BATCH}
    (run / "resolved.yml").write_text(yaml.safe_dump(resolved))
    return run


def _settings(run: Path, folder: Path, steps: int) -> dict[str, Any]:
    """What both are told, with the order that the engine takes the rows in."""
    from ftk_transformers.dataset import Shuffle

    cache = Path(os.environ.get("FTK_TEST_CACHE") or f"{folder}/cache") / "ftk"
    manifests = [
        json.loads((run / f"stages/{name}.json").read_text())["result"] for name in ("stage_data", "prepare_model")
    ]
    data, model = (cache / item["folder"].partition(":")[2] for item in manifests)
    data = data if data.exists() else run / manifests[0]["folder"].partition(":")[2]
    rows = pq.read_table(data / "train.parquet")
    order: list[int] = []
    while len(order) < steps * BATCH:
        shuffle = Shuffle(rows.num_rows, yaml.safe_load(CONFIG.read_text())["seed"], None, BATCH)
        shuffle.set_epoch(len(order) // rows.num_rows)
        order += list(shuffle)
    sizes = [len(ids) for ids in rows["input_ids"].to_pylist()]
    tokens = [sum(sizes[row] for row in order[step * BATCH : (step + 1) * BATCH]) for step in range(steps)]
    settings = {
        "data": str(data / "train.parquet"),
        "model": str(model),
        "order": order[: steps * BATCH],
        "steps": steps,
        "batch": BATCH,
        "tokens": tokens,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    return settings


def _engine(run: Path, settings: Mapping[str, Any]) -> dict[str, list[float]]:
    """Train with the embedded engine, as a run does it."""
    events = run / "events/benchmark.jsonl"
    events.unlink(missing_ok=True)
    shutil.rmtree(run / "lora-out", ignore_errors=True)
    command = [sys.executable, "-m", "ftk_transformers.train", run, Path(settings["data"]).parent]
    command += [settings["model"], settings["model"]]
    subprocess.run(command, env={**os.environ, "FTK_EVENTS": str(events)}, check=True, capture_output=True)
    noted = [json.loads(line) for line in events.read_text().splitlines()]
    steps = [event for event in noted if event["kind"] == "metrics"]
    return {"times": [event["time"] for event in steps], "losses": [event["loss"] for event in steps]}


def _by_hand(settings: Path) -> dict[str, list[float]]:
    """Train with trl."""
    command = [sys.executable, Path(__file__).parent / "by_hand.py", settings]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    noted: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return noted


def _speed(times: list[float], tokens: list[int]) -> float:
    """Tokens a second, from the end of the first step on."""
    return sum(tokens[1:]) / (times[-1] - times[0])
