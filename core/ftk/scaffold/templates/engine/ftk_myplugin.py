"""An engine for ftk: learns the answers of the training rows by heart.

The hooks are called in ftk's driver and are light. The work is done by commands, processes of their own that this file
starts as `python -m ftk_myplugin`: put your engine's heavy imports into them.
"""

import json
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from ftk.plugin import (
    OUTPUT_DIR,
    PYTHON,
    SAMPLES_FILE,
    Artifact,
    Command,
    Completions,
    Environment,
    MergedModel,
    Model,
    PreparedModel,
    Reporter,
    RowTokenizer,
    Run,
    Schema,
    Segment,
    StagedData,
    TrainedModel,
    files,
    hookimpl,
    stage,
)

PROGRAM: tuple[str | Artifact, ...] = (PYTHON, "-m", "ftk_myplugin")

ENVIRONMENT = Environment("myplugin")

# What a training reads, and what decides its result: ftk checks a config against it.
KEYS: dict[str, Schema] = {
    "output_dir": OUTPUT_DIR,
    "max_steps": {"type": "integer", "minimum": 1, "default": 20, "description": "optimizer steps"},
}

STATE = "state.json"
"""What was learned so far, in one file that is replaced as a whole: the checkpoint, and in the end the result."""


@hookimpl
def environment(name: str) -> Environment | None:
    """The interpreter of the commands: ftk's own."""
    return ENVIRONMENT if name == ENVIRONMENT.name else None


@stage(revision=1, keys=KEYS, environment=ENVIRONMENT.name)
def train(run: Run, data: StagedData, model: PreparedModel) -> TrainedModel:
    """Train; a training that was cut short goes on from its checkpoint."""
    steps = str(run.config["max_steps"])
    run.execute(Command((*PROGRAM, "train", data.folder, run.training_folder, steps), ENVIRONMENT.name))
    state = files.read_json(run.path(run.training_folder / STATE))
    return TrainedModel(run.training_folder, True, state["step"], state["loss"], None)


@stage(revision=1, keys={"output_dir": OUTPUT_DIR}, environment=ENVIRONMENT.name)
def merge(run: Run, model: PreparedModel, trained: TrainedModel) -> MergedModel:
    """Put what was learned beside the base model's files, in a folder that appears as a whole."""
    run.execute(Command((*PROGRAM, "merge", model.folder, trained.folder, run.merged_folder), ENVIRONMENT.name))
    return MergedModel(run.merged_folder)


@stage(revision=1, environment=ENVIRONMENT.name)
def generate(run: Run, model: Model, prompts: Artifact, output: Artifact) -> Completions:
    """Answer with what was learned."""
    learned = model.adapter or model.folder
    run.execute(Command((*PROGRAM, "generate", model.folder, learned, prompts, output), ENVIRONMENT.name))
    return Completions(output)


class Training:
    """Learns one row a step.

    :param rows: what is learned: `input_ids` of a prompt, and the `expected` answer.
    :param output: the folder of the checkpoint.
    :param steps: how many.
    """

    def __init__(self, rows: list[dict[str, Any]], output: Path, steps: int) -> None:
        self.rows = rows
        self.path = output / STATE
        self.steps = steps
        self.state = files.read_json(self.path) or {"step": 0, "loss": 1.0, "learned": {}}
        self.stopped = False

    def run(self) -> None:
        """Train to the end; a request to stop ends it after a checkpoint."""
        signal.signal(signal.SIGTERM, self._stop)
        reporter = Reporter.from_environment()
        reporter.emit(
            "training",
            steps=self.steps,
            start_step=self.state["step"],
            rows=len(self.rows),
            device="cpu",
            dtype="text",
            trainable_parameters=len(self.rows),
            total_parameters=len(self.rows),
        )
        while self.state["step"] < self.steps:
            self._step()
            reporter.emit("metrics", step=self.state["step"], steps=self.steps, loss=self.state["loss"])
            files.write_json(self.path, self.state)
            if self.stopped:
                sys.exit(128 + signal.SIGTERM)

    def _step(self) -> None:
        row = self.rows[self.state["step"] % len(self.rows)]
        self.state["learned"][json.dumps(row["input_ids"])] = row["expected"]
        self.state["step"] += 1
        self.state["loss"] = 1 - len(self.state["learned"]) / len(self.rows)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopped = True


def train_command(data: str, output: str, steps: str) -> None:
    """`train DATA OUTPUT STEPS`: a real engine would read the token ids and labels of `train.parquet`."""
    rows = [row for row in files.read_json_lines(Path(data, SAMPLES_FILE)) if row["split"] == "train"]
    Training(rows, Path(output), int(steps)).run()


def merge_command(base: str, adapter: str, target: str) -> None:
    """`merge BASE ADAPTER TARGET`."""
    with files.new_folder(Path(target)) as folder:
        for item in Path(base).iterdir():
            files.copy_file(item, folder / item.name)
        files.copy_file(Path(adapter, STATE), folder / STATE)


def generate_command(base: str, learned: str, prompts: str, output: str) -> None:
    """`generate BASE LEARNED PROMPTS OUTPUT`."""
    known = (files.read_json(Path(learned, STATE)) or {"learned": {}})["learned"]
    tokenizer = RowTokenizer(Path(base))
    answers = []
    for request in files.read_json_lines(Path(prompts)):
        ids = request.get("input_ids") or tokenizer.rows([[Segment(request["prompt"], trained=False)]])[0].input_ids
        text = known.get(json.dumps(ids), "")
        answers.append(json.dumps({"text": text, "tokens": len(text), "finish": "stop"}))
    files.write_text(Path(output), "".join(f"{answer}\n" for answer in answers))


if __name__ == "__main__":
    commands = {"train": train_command, "merge": merge_command, "generate": generate_command}
    commands[sys.argv[1]](*sys.argv[2:])
