"""The merge against axolotl's, peft's, and a mere copy of the model: seconds and memory, in turn, on the same model."""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

Command = Sequence[str | Path]

BY_PEFT = """
import sys
from peft import PeftModel
from transformers import AutoModelForCausalLM
base, adapter, target = sys.argv[1:]
model = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
PeftModel.from_pretrained(model, adapter).merge_and_unload().save_pretrained(target)
"""

IDLE = "import ftk_merge.merge, ftk_merge.adapter, ftk_merge.companions, ftk_merge.writing"
"""What the merge imports."""

FOR_AXOLOTL = """\
base_model: {folder}/base
datasets: [{{path: none.jsonl, ds_type: json, type: alpaca}}]
adapter: lora
lora_model_dir: {folder}/adapter
output_dir: {folder}/out
micro_batch_size: 1
gradient_accumulation_steps: 1
learning_rate: 1e-4
"""


def measure(layers: int, width: int, rounds: int, axolotl: Path | None) -> None:
    """Print the ratios of seconds, and the memory at this depth and at twice this depth.

    :param axolotl: its command; None leaves it out.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = _make(layers, width, Path(name) / "once")
        medians = _medians(_commands(folder, axolotl), folder / "out", rounds)
        ours = medians.pop("merge")
        floor = medians.pop("cp") + medians.pop("import torch")
        for other, seconds in {**medians, "(cp + import torch)": floor}.items():
            print(f"merge / {other}: {ours:.2f} s / {seconds:.2f} s = {ours / seconds:.2f}")
        print(_memory(folder, width, layers))
        shutil.rmtree(folder)
        print(_memory(_make(2 * layers, width, Path(name) / "twice"), width, 2 * layers))


def _make(layers: int, width: int, folder: Path) -> Path:
    command = [sys.executable, Path(__file__).parent / "merging_models.py", str(layers), str(width), folder]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def _merge(folder: Path) -> Command:
    places = (folder / "base", folder / "adapter", folder / "out", folder / "base")
    return [sys.executable, "-m", "ftk_merge.merge", *places]


def _commands(folder: Path, axolotl: Path | None) -> Mapping[str, Command]:
    (folder / "axolotl.yml").write_text(FOR_AXOLOTL.format(folder=folder))
    base, adapter, out = (folder / name for name in ("base", "adapter", "out"))
    commands: dict[str, Command] = {
        "merge": _merge(folder),
        "peft": [sys.executable, "-c", BY_PEFT, base, adapter, out],
        "cp": ["cp", "-r", base, out],
        "import torch": [sys.executable, "-c", "import torch"],
    }
    if axolotl:
        commands["axolotl merge-lora"] = [axolotl, "merge-lora", folder / "axolotl.yml"]
    return commands


def _medians(commands: Mapping[str, Command], out: Path, rounds: int) -> dict[str, float]:
    """Median seconds of commands that are run in turn; each one writes `out` anew, with nothing left to write."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            shutil.rmtree(out, ignore_errors=True)
            os.sync()
            start = time.perf_counter()
            _run(command)
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(kept) for name, kept in times.items()}


def _memory(folder: Path, width: int, layers: int) -> str:
    """The most memory of a merge beyond that of an idle interpreter, in sizes of the largest tensor in float32."""
    largest = 4 * 16 * width * width
    peak = (_peak(_merge(folder)) - _peak([sys.executable, "-c", IDLE])) / largest
    return f"memory of the merge of {layers} layers / largest tensor in float32: {peak:.2f}"


def _peak(command: Command) -> int:
    """The most bytes that a command held."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=_environment())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return usage.ru_maxrss * 1024


def _run(command: Command) -> None:
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def _environment() -> dict[str, str]:
    return {**os.environ, "HF_HUB_OFFLINE": "1", "AXOLOTL_DO_NOT_TRACK": "1"}
