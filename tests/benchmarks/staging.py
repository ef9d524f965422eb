"""How long rows take to become tokens: by ftk, by the `tokenizers` library alone, and by axolotl.

Times are those of many rows less those of a few, so that start-up does not count.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
CONFIG = ROOT / "configs/quickstart.yml"

FEW = 64
"""Rows of a run that is all start-up."""

SHARED = ("models", "fetched", "tokenizers")
"""Parts of the cache that are no staged data."""


@dataclass(frozen=True)
class Place:
    """Where a measurement works.

    :param folder: holds the data and whatever is made of them.
    :param cache: holds the model.
    """

    folder: Path
    cache: Path

    def variables(self, number: int) -> dict[str, str]:
        """The environment for a run of ftk with a cache that has the model and no staged data."""
        cache = self.folder / f"cache-{number}"
        cache.mkdir(exist_ok=True)
        for name in SHARED:
            link = cache / name
            if not link.exists():
                link.symlink_to(self.cache / name)
        return {**os.environ, "FTK_RUNS_DIR": str(self.folder / "runs"), "FTK_CACHE_DIR": str(cache)}

    def data(self, rows: int) -> Path:
        """That many distinct rows."""
        path = self.folder / f"{rows}.jsonl"
        if not path.exists():
            script = ROOT / "configs/data/make_sqlqa.py"
            subprocess.run([sys.executable, script, "--rows", str(rows), "--out", path], check=True)
        return path


def measure(rows: int, rounds: int, axolotl: Path | None) -> None:
    """Print the medians of interleaved rounds, and their ratios.

    :param axolotl: its command, if it is there.
    """
    cache = Path(os.environ.get("FTK_TEST_CACHE") or Path.home() / ".cache") / "ftk"
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder), cache)
        for name in SHARED:
            (cache / name).mkdir(parents=True, exist_ok=True)
        _ftk(place, 0, FEW)  # converts the model, where that was not done yet
        found: dict[str, list[float]] = {"ftk": [], "again": [], "tokenizers": [], "axolotl": []}
        for number in range(1, rounds + 1):
            few, first, again = (_ftk(place, number, size) for size in (FEW, rows, rows))
            found["ftk"].append(first - few)
            found["again"].append(again)
            found["tokenizers"].append(_tokenizers(place, rows))
            if axolotl:
                few, first = (_axolotl(place, axolotl, number, size) for size in (FEW, rows))
                found["axolotl"].append(first - few)
        _print({name: statistics.median(seconds) for name, seconds in found.items() if seconds})


def _print(seconds: dict[str, float]) -> None:
    ftk = seconds["ftk"]
    for name, other in {"encode_batch": "tokenizers", "axolotl preprocess": "axolotl"}.items():
        if other in seconds:
            print(f"staging / {name}: {ftk:.3f} s / {seconds[other]:.3f} s = {ftk / seconds[other]:.2f}")
    print(f"unchanged data / staging: {seconds['again']:.3f} s / {ftk:.3f} s = {seconds['again'] / ftk:.2f}")


def _ftk(place: Place, number: int, rows: int) -> float:
    """Seconds of stage_data in a run of its own; the cache of this number may have the data already."""
    run = ["ftk", "run", CONFIG, "--data", place.data(rows), "--until", "stage_data", "--json"]
    done = subprocess.run(run, env=place.variables(number), stdout=subprocess.PIPE, text=True, check=True)
    events = (Path(json.loads(done.stdout)["folder"]) / "events/driver.jsonl").read_text().splitlines()
    return next(event["seconds"] for event in map(json.loads, events) if event["kind"] == "stage_finished")


def _tokenizers(place: Place, rows: int) -> float:
    """Seconds of encode_batch on the same texts, in a process of its own."""
    [tokenizer] = {path.resolve() for path in (place.cache / "models").glob("*/tokenizer.json")}
    argv = [sys.executable, __file__, str(tokenizer), str(place.data(rows))]
    return float(subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout)


def _encode(tokenizer: Path, data: Path) -> float:
    from tokenizers import Tokenizer

    from ftk.plugin import complete
    from ftk_formats.user_defined import UserDefined

    form = UserDefined()
    options = complete(yaml.safe_load(CONFIG.read_text())["datasets"][0]["type"], form.schema)
    rows = [form.segments(json.loads(line), options, False) for line in data.open(encoding="utf-8")]
    texts = [segment.text for row in rows for segment in row]
    encoder = Tokenizer.from_file(str(tokenizer))
    start = time.perf_counter()
    encoder.encode_batch(texts)
    return time.perf_counter() - start


def _axolotl(place: Place, command: Path, number: int, rows: int) -> float:
    """Seconds of `axolotl preprocess` on the same rows with the same tokenizer, with nothing kept of other numbers."""
    [model] = {path.parent.resolve() for path in (place.cache / "models").glob("*/tokenizer.json")}
    values: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    [dataset] = values["datasets"]
    config = {
        "base_model": str(model),
        "datasets": [{**dataset, "path": str(place.data(rows))}],
        "dataset_prepared_path": str(place.folder / f"prepared-{number}-{rows}"),
        "output_dir": str(place.folder / "out"),
        **{key: values[key] for key in ("sequence_len", "micro_batch_size", "num_epochs", "learning_rate", "seed")},
        "gradient_accumulation_steps": 1,
        "val_set_size": 0.5,
    }
    path = place.folder / f"axolotl-{rows}.yml"
    path.write_text(yaml.safe_dump(config))
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(place.folder / f"hub-{number}"),
        "CUDA_VISIBLE_DEVICES": "",
    }
    start = time.perf_counter()
    done = subprocess.run(
        [command, "preprocess", path], env=environment, cwd=place.folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return time.perf_counter() - start


def main(arguments: Sequence[str]) -> None:
    """In the process of `_tokenizers`."""
    print(_encode(*map(Path, islice(arguments, 2))))


if __name__ == "__main__":
    main(sys.argv[1:])
