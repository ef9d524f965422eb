"""The commands of the toy engine: `python -m ftk_toy train|merge|generate|score PATHS`."""

import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

from ftk.plugin import SAMPLES_FILE, Reporter, RowTokenizer, Segment, files

STOPPED = 128 + signal.SIGTERM
"""Exit code of a training that was asked to stop, as a shell has it."""

LEARNED_FILE = "learned.json"

HURRY_FILE = "hurry"
"""A test writes it into a run to say that it has seen enough of a slow training."""

PAUSE = float(os.environ.get("TOY_PAUSE", "0"))
"""Seconds before each word of an answer."""


class Training:
    """Learns one row by heart a step, drawn at random, until all steps are done.

    All of its state is in `state`, the random generator's too: a checkpoint is that state, so that a training that
    goes on from one ends exactly like a training that never stopped.

    :param config: `max_steps`, `save_steps`, `seed` and `toy_step_seconds`.
    :param rows: samples with `input_ids` and `expected`.
    :param output: where checkpoints and the result are written.
    :param learned: what an adapter has learned before.
    :param hurry: a file; as soon as it is there, steps take no time.
    """

    def __init__(
        self, config: dict[str, Any], rows: list[dict[str, Any]], output: Path, learned: dict[str, str], hurry: Path
    ) -> None:
        self.config = config
        self.rows = rows
        self.output = output
        self.hurry = hurry
        self.reporter = Reporter.from_environment()
        self.random = Random(config["seed"])
        self.state: dict[str, Any] = {"step": 0, "loss": None, "learned": learned}
        self.stop_requested = False

    def run(self) -> None:
        """Train to the end, or until SIGTERM asks to stop."""
        signal.signal(signal.SIGTERM, self._request_stop)
        self._load_newest()
        steps = self.config["max_steps"]
        self._report_start(steps)
        while self.state["step"] < steps:
            self._step(steps)
            last = self.stop_requested or self.state["step"] == steps
            if last or self.state["step"] % self.config["save_steps"] == 0:
                self._save()
            if self.stop_requested:
                sys.exit(STOPPED)
        files.write_json(self.output / LEARNED_FILE, self.state["learned"])
        files.write_json(self.output / "trained.json", {"steps": steps, "loss": self.state["loss"]})

    def _request_stop(self, number: int, frame: FrameType | None) -> None:
        self.stop_requested = True

    def _step(self, steps: int) -> None:
        seconds = self.config["toy_step_seconds"]
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self.hurry.exists():
            time.sleep(min(left, 0.05))
        row = self.random.choice(self.rows)
        self.state["learned"][_key(row["input_ids"])] = row["expected"]
        missing = 1 - len(self.state["learned"]) / len(self.rows)
        self.state["step"] += 1
        self.state["loss"] = missing + self.random.random() / 10
        step = self.state["step"]
        pace = _pace(len(row["input_ids"]), steps - step, seconds)
        self.reporter.emit("metrics", step=step, steps=steps, loss=self.state["loss"], **pace)
        print(f"step {step}/{steps}  loss {self.state['loss']:.4f}", flush=True)

    def _save(self) -> None:
        # One file, written atomically: a checkpoint is whole or absent.
        path = self.output / f"checkpoint-{self.state['step']:06}.json"
        files.write_json(path, {**self.state, "random": self.random.getstate()})
        self.reporter.emit("checkpoint", step=self.state["step"], path=os.path.relpath(path))

    def _load_newest(self) -> None:
        checkpoints = sorted(self.output.glob("checkpoint-*.json"))
        if checkpoints:
            self.state = files.read_json(checkpoints[-1])
            version, numbers, gauss = self.state.pop("random")
            self.random.setstate((version, tuple(numbers), gauss))

    def _report_start(self, steps: int) -> None:
        self.reporter.emit(
            "training",
            steps=steps,
            start_step=self.state["step"],
            rows=len(self.rows),
            device="nothing",
            dtype="text",
            trainable_parameters=len(self.rows),
            total_parameters=len(self.rows),
        )


def _pace(tokens: int, steps_left: int, seconds: float) -> dict[str, float]:
    """How fast a training is whose steps take time."""
    return {"tokens_per_second": tokens / seconds, "seconds_left": steps_left * seconds} if seconds else {}


def train(run: Path, data: Path, output: Path) -> None:
    """Train as the run's resolved config says."""
    import yaml

    config = yaml.safe_load((run / "resolved.yml").read_text())
    rows = [row for row in files.read_json_lines(data / SAMPLES_FILE) if row["split"] == "train"]
    adapter = config["lora_model_dir"]
    learned = files.read_json(run / adapter / LEARNED_FILE) if adapter else {}
    Training(config, rows, output, learned, run / HURRY_FILE).run()


def merge(base: Path, adapter: Path, target: Path) -> None:
    """Copy the model and what was learned into one folder, which appears as a whole."""
    with files.new_folder(target) as folder:
        for item in base.iterdir():
            files.copy_file(item, folder / item.name)
        files.copy_file(adapter / LEARNED_FILE, folder / LEARNED_FILE)


def generate(base: Path, adapter: Path, prompts: Path, output: Path) -> None:
    """Answer each prompt with what was learned for it, or with its length."""
    learned = files.read_json(adapter / LEARNED_FILE) or {}
    reporter = Reporter.from_environment()
    answers = []
    for request in files.read_json_lines(prompts):
        ids = request.get("input_ids") or _encode(base, request["prompt"])
        text = learned.get(_key(ids), f"{len(ids)} characters")
        for word in re.findall(r"\S+\s*", text):
            time.sleep(PAUSE)
            if request.get("stream"):
                reporter.emit("text", text=word)
        answers.append({"text": text, "tokens": len(text), "finish": "stop"})
    files.write_text(output, "".join(json.dumps(answer) + "\n" for answer in answers))
    reporter.emit("generation", done=len(answers), of=len(answers))


def score(base: Path, adapter: Path, source: Path, output: Path) -> None:
    """A loss of 0 for each token of a row that was learned, and of 1 for one of another."""
    learned = files.read_json(adapter / LEARNED_FILE) or {}
    lines = []
    for row in files.read_json_lines(source):
        trained = [label for label in row["labels"] if label >= 0]
        prompt = row["input_ids"][: len(row["input_ids"]) - len(trained)]
        loss = 0 if _key(prompt) in learned else len(trained)
        lines.append(json.dumps({"loss": loss, "tokens": len(trained)}) + "\n")
    files.write_text(output, "".join(lines))


def _encode(base: Path, text: str) -> list[int]:
    (row,) = RowTokenizer(base).rows([[Segment(text, trained=False)]])
    return row.input_ids


def _key(ids: list[int]) -> str:
    return " ".join(map(str, ids))


if __name__ == "__main__":
    {"train": train, "merge": merge, "generate": generate, "score": score}[sys.argv[1]](*map(Path, sys.argv[2:]))
