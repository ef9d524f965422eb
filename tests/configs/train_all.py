"""Trains every config of configs/ for two steps on a CPU, with a tiny model of the same architecture.

    python tests/configs/train_all.py [NAME ...]

`FTK_TEST_AXOLOTL` may name an interpreter that has axolotl. Each config takes about half a minute.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from tiny_models import KINDS, write_model

CONFIGS = Path(__file__).parents[2] / "configs"

SMALL = (
    "max_steps=2",
    "micro_batch_size=2",
    "gradient_accumulation_steps=1",
    "sequence_len=1024",
    "val_set_size=4",
    "ftk.evaluate.rows=0",
)
"""What is changed beside the model: two steps that a CPU does in seconds."""


def train(name: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Train a config for two steps in a folder of its own."""
    model = write_model(KINDS[name], folder / "model")
    python = os.environ.get("FTK_TEST_AXOLOTL")
    places = [f"base_model={model}", *([f"ftk.environments.axolotl={python}"] if python else [])]
    sets = [part for value in (*places, *SMALL) for part in ("--set", value)]
    variables = {"FTK_RUNS_DIR": str(folder / "runs"), "FTK_CACHE_DIR": str(folder / "cache")}
    return subprocess.run(
        ["ftk", "run", str(CONFIGS / f"{name}.yml"), "--no-merge", *sets],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )


def main() -> int:
    """Train those named on the command line, or all; 0 when all went well. `--list` prints what there is."""
    if sys.argv[1:] == ["--list"]:
        print(*sorted(KINDS))
        return 0
    failed = []
    for name in sys.argv[1:] or sorted(KINDS):
        with tempfile.TemporaryDirectory() as folder:
            done = train(name, Path(folder))
            ends = [log.read_text()[-3000:] for log in Path(folder).glob("runs/*/logs.txt")]
        print(f"{name}: {'trained' if done.returncode == 0 else 'FAILED'}", flush=True)
        if done.returncode:
            failed.append(name)
            print(done.stdout, done.stderr, *ends, sep="\n", flush=True)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
