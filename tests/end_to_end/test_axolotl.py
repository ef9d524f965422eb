"""The engine axolotl, for real: its own interpreter trains a tiny model, alone and with DeepSpeed."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from ftk.testing.calls import Ftk

pytestmark = pytest.mark.slow

CONFIG = """\
base_model: {model}
datasets:
  - path: data.jsonl
    type:
      field_instruction: question
      field_output: answer
      format: "{{instruction}} "
      no_input_format: "{{instruction}} "
sequence_len: 128
adapter: lora
lora_r: 4
lora_alpha: 8
lora_target_linear: true
micro_batch_size: {batch}
max_steps: {steps}
save_steps: 2
logging_steps: 1
optimizer: adamw_torch
lr_scheduler: constant
learning_rate: "1e-2"
bf16: false
seed: 7
ftk:
  evaluate: {{rows: 0}}
"""

LORA_KEYS = ("adapter", "lora_r", "lora_alpha", "lora_target_linear")

ALL_PRESETS = [("zero1", 1), ("zero2", 2), ("zero2_offload_optimizer", 2), ("zero3_offload_optimizer", 3)]
MORE = ALL_PRESETS if os.environ.get("FTK_TEST_ALL_PRESETS") else []
"""Presets that are tried beside one of stage 3 where the time for it is given."""

Rows = Sequence[Mapping[str, Any]]

ROWS: Rows = [{"question": f"what is {number} and {number}?", "answer": str(2 * number)} for number in range(8)]

UNPAIRED: Rows = [{"prompt": f"{n}? ", "completion": str(n), "label": n % 2 == 0} for n in range(8)]

PAIRS: Rows = [
    {"chosen": [{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": str(n)}]}
    | {"rejected": [{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": "none"}]}
    for n in range(8)
]


@pytest.fixture
def run(ftk: Ftk, axolotl: dict[str, str], axolotl_options: tuple[str, ...], tiny_model: Path) -> Callable[..., "Any"]:
    """Runs a config with axolotl, or another engine."""
    ftk.variables.update(axolotl)  # for a resume too

    def call(
        *arguments: str, engine: str = "axolotl", more: str = "", batch: int = 2, steps: int = 6, rows: Rows = ROWS
    ) -> Any:
        config = ftk.folder / "config.yml"
        config.write_text(more + CONFIG.format(model=tiny_model, batch=batch, steps=steps))
        (ftk.folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        chosen = axolotl_options if engine == "axolotl" else ("--engine", engine)
        return ftk.start("run", config, *chosen, *arguments)

    return call


def ends_well(process: Any) -> str:
    """The output of a call that must succeed."""
    output, errors = process.communicate(timeout=280)
    assert process.returncode == 0, output + errors
    return str(output + errors)


def losses(ftk: Ftk) -> dict[int, float]:
    """The newest run's training losses by step; after a resume, the last one told of each step."""
    return {event["step"]: event["loss"] for event in ftk.events("metrics") if "loss" in event}


def engine_config(ftk: Ftk) -> dict[str, Any]:
    """What axolotl read in the newest run."""
    content: dict[str, Any] = yaml.safe_load((ftk.run_folder() / "axolotl.yml").read_text())
    return content


def merge_result(ftk: Ftk) -> dict[str, Any]:
    """What came out of the newest run's merge."""
    result: dict[str, Any] = json.loads((ftk.run_folder() / "stages/merge.json").read_text())["result"]
    return result


def loss_by(provider: str, run: str, ftk: Ftk) -> dict[str, float]:
    """The loss of both models of a run on its own rows, as a provider of `score` computes it."""
    ends_well(ftk.start("run", "--resume", run, "--set", f"ftk.stages.score={provider}"))
    done = ftk("eval", run, "--data", "data.jsonl", "--max-new-tokens", "1", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["by"]["score"] == provider
    return {name: found["measures"][0][name] for name in ("rows", "base", "tuned")}


def names(folder: Path) -> set[str]:
    """The entries of a folder."""
    return {item.name for item in folder.iterdir()}


def test_the_keys_are_those_of_this_axolotl(axolotl_python: str, root: Path) -> None:
    folder = root / "plugins" / "ftk_axolotl"
    made = subprocess.run([axolotl_python, folder / "make_keys.py"], capture_output=True, text=True, check=True)
    assert json.loads(made.stdout) == json.loads((folder / "keys.json").read_text())


@pytest.fixture
def in_axolotl(axolotl_python: str, root: Path) -> Callable[[str], list[str]]:
    """Runs code in axolotl's interpreter beside ftk's part of it, and gives what it prints."""

    def call(code: str) -> list[str]:
        paths = f"{root}/core:{root}/plugins/ftk_axolotl/engine"
        variables = {**os.environ, "PYTHONPATH": paths, "AXOLOTL_DO_NOT_TRACK": "1"}
        done = subprocess.run([axolotl_python, "-c", code], env=variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return call


def test_missing_flash_attention_is_replaced(in_axolotl: Callable[[str], list[str]]) -> None:
    # As on a machine with a GPU; this one shows the choice only.
    code = """
import torch
from axolotl.utils.dict import DictDefault
from ftk_in_axolotl import Plugin
torch.cuda.is_available = lambda: True
cfg = DictDefault({"flash_attention": True})
Plugin().register(cfg)
print(cfg.flash_attention, cfg.attn_implementation)
"""
    assert in_axolotl(code)[-1] == "None sdpa"


def test_a_training_that_is_not_the_one_asked_for_is_refused(in_axolotl: Callable[[str], list[str]]) -> None:
    code = """
import os
from types import SimpleNamespace
from torch import nn
from transformers import TrainerState, TrainingArguments
from axolotl.utils.dict import DictDefault
from ftk_in_axolotl import Begin

class DeepSpeedEngine(nn.Linear):
    def zero_optimization_stage(self):
        return 2

zero2 = {"zero_optimization": {"stage": 2}}
plain, engine = nn.Linear(2, 2), DeepSpeedEngine(2, 2)
engine.optimizer = SimpleNamespace(step=lambda: None)
os.environ["FTK_WORLD_SIZE"] = "2"
refused = [(1, plain, zero2), (2, plain, zero2), (2, engine, None)]
for world, wrapped, deepspeed in [*refused, (2, plain, None), (2, engine, zero2)]:
    accelerator = SimpleNamespace(num_processes=world, unwrap_model=lambda model: model)
    trainer = SimpleNamespace(accelerator=accelerator, model=plain, model_wrapped=wrapped, train_dataset=[])
    try:
        Begin(trainer, DictDefault(deepspeed=deepspeed)).on_train_begin(
            TrainingArguments(use_cpu=True), TrainerState(is_world_process_zero=False, max_steps=2), None
        )
        print("begins")
    except SystemExit as refusal:
        print(refusal)
"""
    assert in_axolotl(code)[-5:] == [
        "axolotl trains with 1 processes together, where 2 were asked for",
        "axolotl trains with Linear at ZeRO stage None, where stage 2 was asked for",
        "axolotl trains with DeepSpeedEngine at ZeRO stage 2, where stage None was asked for",
        "begins",
        "begins",
    ]


def test_processes_that_read_rows_are_not_in_the_group_that_a_launcher_ends(
    in_axolotl: Callable[[str], list[str]],
) -> None:
    code = """
import os
os.environ["TORCHELASTIC_RUN_ID"] = "any"
from ftk_in_axolotl import StopOnRequest
StopOnRequest().on_train_begin(None, None, None)
reader = os.fork()
if not reader:
    os._exit(os.getpgrp() != os.getpid())
print(os.waitstatus_to_exitcode(os.waitpid(reader, 0)[1]))
"""
    assert in_axolotl(code)[-1] == "0"


def test_both_engines_train_and_score_alike(ftk: Ftk, run: Callable[..., Any]) -> None:
    # A batch holds all rows, so that both engines have them in the same order.
    output = ends_well(run("--no-merge", batch=len(ROWS), more="dataloader_num_workers: 0\n"))
    first, told, folder = losses(ftk), engine_config(ftk), ftk.run_folder()
    assert "axolotl is adapted to this CPU" in output
    kept = yaml.safe_load((ftk.folder / "config.yml").read_text())
    same = {key: value for key, value in kept.items() if key not in ("datasets", "ftk", "learning_rate")}
    assert {key: told[key] for key in same} == same
    assert float(told["learning_rate"]) == 0.01

    ends_well(run("--no-merge", engine="transformers", batch=len(ROWS)))
    other, second = ftk.run_folder(), losses(ftk)
    assert list(first) == list(second) == [1, 2, 3, 4, 5, 6]
    assert first == pytest.approx(second, abs=1e-3)
    assert first[6] < first[1]
    # Both folders hold the same, but for what axolotl itself reads and writes.
    assert names(folder) - names(other) == {"axolotl.yml", "shipped"}
    assert names(other) - names(folder) == set()
    assert names(other / "lora-out") - names(folder / "lora-out") == set()
    rows = [(path / "last_run_prepared" / "train.parquet").read_bytes() for path in (folder, other)]
    assert rows[0] == rows[1]
    scored = [loss_by(provider, folder.name, ftk) for provider in ("axolotl", "transformers")]
    assert scored[0] == pytest.approx(scored[1], abs=1e-3)
    assert scored[0]["rows"] == len(ROWS) and scored[0]["tuned"] < scored[0]["base"]


def test_a_killed_training_goes_on_with_the_same_losses(ftk: Ftk, run: Callable[..., Any]) -> None:
    together = ("--no-merge", "--set", "ftk.axolotl.nproc=2")
    # An odd number, so that it ends in the midst of an epoch: there the trainer would do one step more.
    ends_well(run(*together, steps=21, more="deepspeed: zero1\n"))
    undisturbed, first = losses(ftk), ftk.run_folder()
    assert ftk.events("training")[0]["zero_stage"] == 1

    process = run(*together, steps=21, more="deepspeed: zero1\n")
    ftk.wait_for(lambda: ftk.run_folder() != first)
    ftk.wait_for_event("checkpoint", step=4)
    for worker in ftk.workers():
        worker.kill()
    process.communicate(timeout=60)
    torn = ftk.run_folder() / "lora-out" / "checkpoint-19"
    torn.mkdir()
    (torn / "adapter_model.safetensors").write_bytes(b"torn")
    ends_well(ftk.start("run", "--resume", "latest"))
    begun = [event["start_step"] for event in ftk.events("training")]
    assert begun[0] == 0 and 4 <= begun[1] < 19
    assert losses(ftk) == undisturbed
    # What axolotl had made of the rows for the first run was taken over.
    logs = [(folder / "logs.txt").read_text() for folder in (first, ftk.run_folder())]
    assert ["Loading raw datasets" in log for log in logs] == [True, False]

    # Where the last checkpoint is all that is left of a training, nothing is trained any more.
    adapter = ftk.run_folder() / "lora-out" / "adapter_model.safetensors"
    trained = adapter.read_bytes()
    adapter.unlink()
    ends_well(ftk.start("run", "--resume", "latest"))
    assert ftk.events("training")[-1]["start_step"] == 21 and losses(ftk) == undisturbed
    assert adapter.read_bytes() == trained


def test_killed_while_axolotl_prepares_its_data_a_run_can_be_finished(ftk: Ftk, run: Callable[..., Any]) -> None:
    rows = [{**ROWS[number % len(ROWS)], "number": number} for number in range(20_000)]
    axolotls = ("--set", "ftk.stages.stage_data=axolotl", "--no-merge")
    process = run(*axolotls, steps=2, rows=rows, more="dataset_num_proc: 1\n")
    ftk.wait_for_event("stage_started", stage="train")
    # axolotl makes the folder when it begins to read the rows, and our plugin marks it when it has them all.
    prepared = ftk.wait_for(lambda: next(ftk.run_folder().glob("last_run_prepared/axolotl-*"), None))
    for worker in ftk.workers():
        worker.kill()
    process.communicate(timeout=60)
    assert not (prepared / "complete.json").exists(), "the data were prepared before the kill"
    assert not ftk.events("training")
    ends_well(ftk.start("run", "--resume", "latest"))
    (begun,) = ftk.events("training")
    assert (begun["start_step"], begun["rows"]) == (0, len(rows))
    assert list(losses(ftk)) == [1, 2]


@pytest.mark.parametrize(
    ("more", "kind", "rows"),
    [
        ("rl: kto\nremove_unused_columns: false\n", {}, UNPAIRED),
        ("rl: orpo\nchat_template: chatml\n", {"type": "chat_template.argilla"}, PAIRS),
    ],
    ids=["kto", "orpo"],
)
def test_preferences(ftk: Ftk, run: Callable[..., Any], more: str, kind: dict[str, str], rows: Rows) -> None:
    datasets = json.dumps([{"path": "data.jsonl", **kind}])
    ends_well(run("--no-merge", "--set", f"datasets={datasets}", steps=2, rows=rows, more=more))
    assert ftk.events("training")[0]["rows"] == len(rows)
    steps = [event for event in ftk.events("metrics") if "loss" in event]
    assert [any(name.startswith("rewards/") for name in event) for event in steps] == [True, True]


def test_ctrl_c_keeps_a_checkpoint(ftk: Ftk, run: Callable[..., Any]) -> None:
    process = run("--no-merge", steps=2000, more="dataset_num_proc: 1\n")
    ftk.wait_for_event("metrics", step=3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == 130
    ftk.assert_nobody_works()
    last = ftk.events("checkpoint")[-1]
    assert (ftk.run_folder() / last["path"] / "complete.json").is_file()
    assert not (ftk.run_folder() / "lora-out" / "trained.json").exists()
    assert max(losses(ftk)) - last["step"] <= 1


@pytest.mark.parametrize(("preset", "stage"), [("/workspace/axolotl/deepspeed_configs/zero3.json", 3), *MORE])
def test_deepspeed_with_two_processes(ftk: Ftk, run: Callable[..., Any], preset: str, stage: int) -> None:
    output = ends_well(run("--set", "ftk.axolotl.nproc=2", more=f"deepspeed: {preset}\n"))
    begun = ftk.events("training")[0]
    assert (begun["world_size"], begun["engine"], begun["zero_stage"]) == (2, "DeepSpeedEngine", stage)
    written = json.loads((ftk.run_folder() / "deepspeed.json").read_text())
    assert written["zero_optimization"]["stage"] == stage
    assert list(losses(ftk)) == [1, 2, 3, 4, 5, 6]
    merged = merge_result(ftk)
    assert merged["parity"]["ok"] is True and f"parity   {merged['parity']['text']}" in output
    folder = ftk.run_folder() / "lora-out" / "merged"
    assert {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"} <= names(folder)


def test_a_full_training_by_accelerate_is_stopped_and_goes_on(
    ftk: Ftk, run: Callable[..., Any], tiny_model: Path
) -> None:
    full = [part for key in LORA_KEYS for part in ("--set", f"{key}=null")]
    started = ("--set", "ftk.axolotl.launcher=accelerate", "--set", "ftk.axolotl.nproc=2")
    process = run(*full, *started, "--set", "save_steps=100", steps=300)
    ftk.wait_for_event("metrics", step=3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=280)
    assert process.returncode == 130
    ftk.assert_nobody_works()
    stopped = ftk.events("checkpoint")[-1]["step"]
    assert stopped < 300

    ends_well(ftk.start("run", "--resume", "latest"))
    begun = ftk.events("training")
    assert [event["start_step"] for event in begun] == [0, stopped]
    assert {(event["world_size"], event["engine"]) for event in begun} == {(2, "DistributedDataParallel")}
    assert begun[0]["trainable_parameters"] == begun[0]["total_parameters"]
    # There is nothing to merge.
    assert merge_result(ftk)["folder"] == "run:lora-out"
    result = ftk.run_folder() / "lora-out"
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names(result)
    assert (result / "model.safetensors").read_bytes() != (tiny_model / "model.safetensors").read_bytes()


def test_a_training_without_a_step_is_an_error(ftk: Ftk, run: Callable[..., Any]) -> None:
    process = run("--no-merge", "--set", "max_steps=null", batch=64, more="dataloader_drop_last: true\n")
    output, errors = process.communicate(timeout=280)
    assert process.returncode == 1, output + errors
    assert "there are fewer rows than one batch of all processes needs\n  add rows, or lower micro_batch_size" in errors
    assert not (ftk.run_folder() / "lora-out" / "trained.json").exists()


def test_axolotl_reads_rows_and_merges_itself(ftk: Ftk, run: Callable[..., Any]) -> None:
    stages = ("--set", "ftk.stages.stage_data=axolotl", "--set", "ftk.stages.merge=axolotl")
    output = ends_well(run(*stages, "--set", "ftk.evaluate.rows=2", steps=2))
    assert "the rows go to axolotl as they are" in output
    assert engine_config(ftk)["datasets"][0]["type"]["field_output"] == "answer"
    merged = ftk.run_folder() / "lora-out" / "merged"
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names(merged)
    assert not (ftk.run_folder() / "lora-out" / "merged-by-axolotl").exists()
    for arguments in ((), ("--data", "data.jsonl")):
        done = ftk("eval", *arguments)
        assert done.returncode == 2
        assert done.stderr.startswith(f"error: {ftk.run_folder().name} has left its rows to its engine")
