"""The whole of `ftk run` with axolotl, against axolotl's three commands typed by hand; the target is 1.

    FTK_TEST_AXOLOTL=/path/to/python python tests/benchmarks/axolotl_by_hand.py [--rounds N]

Both train the same tiny model for ten steps on the same rows, in turn, from nothing to a merged model.
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

from ftk.testing.tiny_model import write_tiny_model

CONFIG = """\
base_model: {folder}/model
datasets:
  - path: {folder}/data.jsonl
    ds_type: json
    type: {{field_instruction: question, field_output: answer, format: "{{instruction}} ", no_input_format: "{{instruction}} "}}
dataset_prepared_path: {folder}/prepared
output_dir: {output}
sequence_len: 128
adapter: lora
lora_r: 4
lora_alpha: 8
lora_target_linear: true
micro_batch_size: 2
max_steps: 10
optimizer: adamw_torch
learning_rate: 0.001
bf16: false
lora_mlp_kernel: false
lora_qkv_kernel: false
lora_o_kernel: false
"""  # noqa: E501

OF_FTK = """\
ftk:
  engine: axolotl
  environments: {{axolotl: {python}}}
  evaluate: {{rows: 0}}
"""


def main(arguments: Sequence[str]) -> None:
    """Print the medians of both and their ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3, help="runs of each")
    options = parser.parse_args(arguments)
    python = Path(os.environ["FTK_TEST_AXOLOTL"])
    times: dict[str, list[float]] = {"ftk run": [], "axolotl by hand": []}
    for _ in range(options.rounds):
        times["ftk run"].append(_timed(_with_ftk, python))
        times["axolotl by hand"].append(_timed(_by_hand, python))
    ftk, hand = (statistics.median(kept) for kept in times.values())
    print(f"ftk run / axolotl preprocess, train, merge-lora: {ftk:.1f} s / {hand:.1f} s = {ftk / hand:.2f}")


def _timed(body: Callable[[Path, Path], None], python: Path) -> float:
    """Seconds of one way, in a new folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_tiny_model(folder / "model")
        rows = [{"question": f"what is {number} and {number}?", "answer": str(2 * number)} for number in range(64)]
        (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        start = time.monotonic()
        body(folder, python)
        return time.monotonic() - start


def _with_ftk(folder: Path, python: Path) -> None:
    text = CONFIG.format(folder=folder, output="./lora-out") + OF_FTK.format(python=python)
    (folder / "config.yml").write_text(text)
    places = {"FTK_RUNS_DIR": str(folder / "runs"), "FTK_CACHE_DIR": str(folder / "cache")}
    _run(["ftk", "run", "config.yml"], folder, places)


def _by_hand(folder: Path, python: Path) -> None:
    (folder / "config.yml").write_text(CONFIG.format(folder=folder, output=folder / "lora-out"))
    quiet = {"AXOLOTL_DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1", "PATH": f"{python.parent}:{os.environ['PATH']}"}
    for command in ("preprocess", "train", "merge-lora"):
        _run([str(python.parent / "axolotl"), command, "config.yml"], folder, quiet)


def _run(command: Sequence[str], folder: Path, variables: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


if __name__ == "__main__":
    main(sys.argv[1:])
