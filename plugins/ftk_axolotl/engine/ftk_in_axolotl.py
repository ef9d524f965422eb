"""ftk's plugin for axolotl: reports what happens, keeps checkpoints whole, and stops when it is asked to.

This file runs in axolotl's interpreter, which has no ftk: beside it lies only ftk's reporter.
"""

import json
import math
import os
import signal
import socket
import sys
import time
from collections import deque
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from axolotl.integrations.base import BasePlugin
from ftk_torch_extensions import use_own_folder  # type: ignore[import-not-found]
from transformers import TrainerCallback, set_seed

from ftk.reporter import Reporter

STOPPED = 128 + signal.SIGTERM
"""Exit code of a training that was asked to stop, as a shell has it."""

MARKER = "complete.json"
"""Written last into a checkpoint, or beside prepared data: the size of each file."""

RESULT = "trained.json"

RECENT = 20
"""Steps from which the speed is estimated."""

REPORTER = Reporter.from_environment()


class Plugin(BasePlugin):  # type: ignore[misc]
    """What axolotl calls, in the order in which it does."""

    def register(self, cfg: Any) -> None:
        """Before the config is validated."""
        _without_missing_flash_attention(cfg)
        if cfg.get("deepspeed"):
            use_own_folder()
        if not torch.cuda.is_available():
            _restore_to_numbered_cpus()
            if cfg.get("deepspeed"):
                _use_gloo()

    def load_datasets(self, cfg: Any, preprocess: bool = False) -> None:
        """Before the data are read: the last hook before the model's place is decided."""
        if not torch.cuda.is_available():
            cfg.device_map = None  # axolotl's own choice names an accelerator

    def pre_model_load(self, cfg: Any) -> None:
        """After the data are read and, where they were new, kept."""
        if _is_first():
            # Locks and counters of processes that still read lie beside the folders of the data.
            mark_complete(Path(cfg.dataset_prepared_path), "*/*")

    def pre_lora_load(self, cfg: Any, model: Any) -> None:
        """Before the adapter is drawn, which axolotl leaves to chance."""
        set_seed(cfg.seed or 42)

    def add_callbacks_post_trainer(self, cfg: Any, trainer: Any) -> list[TrainerCallback]:
        """When all is ready to train."""
        # The trainer removes old checkpoints before the new one is marked as complete.
        limit, trainer.args.save_total_limit = trainer.args.save_total_limit, None
        return [Begin(trainer, cfg), Progress(), Checkpoints(trainer, limit), StopOnRequest()]

    def post_train_unload(self, cfg: Any) -> None:
        """When everything is written."""
        if _is_first():
            _write_json(Path(cfg.output_dir) / RESULT, RESULTS)


RESULTS: dict[str, Any] = {}
"""What is told of the training when it has ended."""


def _is_first() -> bool:
    """Whether this is the one process of several that reports and writes."""
    return os.environ.get("RANK", "0") == "0"


def _without_missing_flash_attention(cfg: Any) -> None:
    asked = cfg.get("flash_attention") or str(cfg.get("attn_implementation", "")) == "flash_attention_2"
    if asked and torch.cuda.is_available() and find_spec("flash_attn") is None:
        cfg.flash_attention, cfg.attn_implementation = None, "sdpa"
        if _is_first():
            REPORTER.notice("flash-attn is not installed beside axolotl: attention is computed by PyTorch's sdpa")


@cache  # PyTorch takes no second one
def _restore_to_numbered_cpus() -> None:
    """Let a checkpoint be read to `cpu:0`, as accelerate calls the CPU of several processes, and PyTorch refuses."""
    torch.serialization.register_package(
        0, lambda storage: None, lambda storage, place: storage if place.startswith("cpu:") else None
    )


def _use_gloo() -> None:
    """Let DeepSpeed and accelerate talk by gloo, which neither chooses by itself where there is no GPU."""
    alone = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}
    for name, value in {**alone, "MASTER_PORT": _free_port()}.items():
        os.environ.setdefault(name, value)
    import deepspeed.comm
    from accelerate import PartialState

    deepspeed.comm.init_distributed("gloo", auto_mpi_discovery=False)
    original = PartialState.__init__

    def with_gloo(self: Any, cpu: bool = False, **options: Any) -> None:
        original(self, cpu, **{"backend": "gloo", **options})

    PartialState.__init__ = with_gloo


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


class Begin(TrainerCallback):
    """Refuses a training that is not the one that was asked for, and tells what begins."""

    def __init__(self, trainer: Any, cfg: Any) -> None:
        self.trainer = trainer
        self.stage = _zero_stage_of(cfg.deepspeed)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """After engine and optimizer were made, and a checkpoint read."""
        self._refuse_another_engine()
        if state.global_step >= state.max_steps:
            # The checkpoint is the last one: the trainer would do one step more before it looks.
            self.trainer._run_epoch = lambda **_: None
            control.should_training_stop = True
        model = self.trainer.accelerator.unwrap_model(self.trainer.model)
        # ZeRO-3 leaves an empty stand-in for each weight, which knows the true size.
        sizes = [(getattr(w, "ds_numel", w.numel()), w.requires_grad) for w in model.parameters()]
        RESULTS["parameters"] = sum(size for size, trained in sizes if trained)
        if state.is_world_process_zero:
            REPORTER.emit(
                "training",
                steps=state.max_steps,
                start_step=state.global_step,
                rows=len(self.trainer.train_dataset),
                device=args.device.type,
                dtype="bfloat16" if args.bf16 else "float16" if args.fp16 else "float32",
                trainable_parameters=RESULTS["parameters"],
                total_parameters=sum(size for size, _ in sizes),
                world_size=self.trainer.accelerator.num_processes,
                engine=type(self.trainer.model_wrapped).__name__,
                zero_stage=self.stage,
            )

    def _refuse_another_engine(self) -> None:
        """Stop where DeepSpeed or a process was asked for and is silently not there."""
        world, wanted = self.trainer.accelerator.num_processes, int(os.environ["FTK_WORLD_SIZE"])
        if world != wanted:
            sys.exit(f"axolotl trains with {world} processes together, where {wanted} were asked for")
        engine = self.trainer.model_wrapped
        stage = engine.zero_optimization_stage() if hasattr(engine, "zero_optimization_stage") else None
        if stage != self.stage:
            name = type(engine).__name__
            sys.exit(f"axolotl trains with {name} at ZeRO stage {stage}, where stage {self.stage} was asked for")
        if stage in (1, 2) and not torch.cuda.is_available():
            # gloo gathers into a view of a weight, which PyTorch allows without gradients only.
            engine.optimizer.step = torch.no_grad()(engine.optimizer.step)


def _zero_stage_of(deepspeed: Any) -> int | None:
    if not deepspeed:
        return None
    config = json.loads(Path(deepspeed).read_text()) if isinstance(deepspeed, str) else deepspeed
    return int(config.get("zero_optimization", {}).get("stage", 0))


class Progress(TrainerCallback):
    """Reports losses and speed."""

    def __init__(self) -> None:
        self.began = 0.0
        self.before = 0
        self.recent: deque[tuple[float, int]] = deque(maxlen=RECENT)
        """Seconds and tokens of the last steps, without the evaluations and checkpoints between them."""

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start the clock of a step."""
        self.began, self.before = time.monotonic(), _tokens(state)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        """Stop the clock, and have the last step logged even where it is no multiple of logging_steps."""
        self.recent.append((time.monotonic() - self.began, _tokens(state) - self.before))
        if state.global_step >= state.max_steps:
            control.should_log = True
        return control

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        """Report a training step or an evaluation."""
        logs = {name: float(value) for name, value in (logs or {}).items() if _is_number(value)}
        if state.is_world_process_zero and ("loss" in logs or "eval_loss" in logs):
            self._report(state, logs)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Note what came out, of this process and of those before it that were cut short.

        Where no batch is full, axolotl ends in peace with what it began with.
        """
        if not state.global_step:
            sys.exit("axolotl has trained no step")
        last = {name: _last(state.log_history, name) for name in ("loss", "eval_loss")}
        RESULTS.update(steps=state.global_step, train_loss=last["loss"], eval_loss=last["eval_loss"])

    def _report(self, state: Any, logs: dict[str, float]) -> None:
        kept = {name: logs[name] for name in logs if name in ("loss", "grad_norm", "learning_rate", "eval_loss")}
        kept |= {name: value for name, value in logs.items() if name.startswith("rewards/")}
        if "loss" in logs and self.recent:
            seconds, tokens = map(sum, zip(*self.recent, strict=True))
            if tokens:  # axolotl does not count those of preferences
                kept["tokens_per_second"] = tokens / seconds
            kept["seconds_left"] = (state.max_steps - state.global_step) * seconds / len(self.recent)
        finite = {name: value for name, value in kept.items() if math.isfinite(value)}
        REPORTER.emit("metrics", step=state.global_step, steps=state.max_steps, epoch=state.epoch, **finite)
        if not math.isfinite(logs.get("loss", 0.0)):
            REPORTER.notice(f"the training diverged: loss {logs['loss']} at step {state.global_step}")


def _last(history: list[dict[str, Any]], name: str) -> float | None:
    """The last value of that name; None where there is none, or where it is no number that JSON knows."""
    value = float(next((entry[name] for entry in reversed(history) if name in entry), math.nan))
    return value if math.isfinite(value) else None


def _tokens(state: Any) -> int:
    """Tokens, padding among them, that all processes have trained so far."""
    return int(getattr(state, "tokens", {}).get("total", 0))


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


class Checkpoints(TrainerCallback):
    """Marks each checkpoint complete, and only then removes old ones: there is always one to go on from.

    :param limit: how many checkpoints to keep; None for all.
    """

    def __init__(self, trainer: Any, limit: int | None) -> None:
        self.trainer = trainer
        self.limit = limit

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take over the checkpoint that the trainer has just written."""
        self.trainer.accelerator.wait_for_everyone()  # each process writes a part
        if state.is_world_process_zero:
            checkpoint = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            mark_complete(checkpoint)
            REPORTER.emit("checkpoint", step=state.global_step, path=os.path.relpath(checkpoint))
            self._remove_oldest(Path(args.output_dir), state.best_model_checkpoint)

    def _remove_oldest(self, output: Path, best: str | None) -> None:
        if self.limit is None:
            return
        found = sorted(output.glob("checkpoint-*"), key=lambda folder: int(folder.name.rpartition("-")[2]))
        for checkpoint in found[: -max(self.limit, 1)]:
            if best is None or checkpoint.name != Path(best).name:
                _remove(checkpoint)


class StopOnRequest(TrainerCallback):
    """On SIGTERM, ends the training after the current step, with a checkpoint; on a second one, at once."""

    def __init__(self) -> None:
        self.requested = False
        self.stopping = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take SIGTERM from now on; before, there is nothing that a kill could lose."""
        signal.signal(signal.SIGTERM, self._request)
        if "TORCHELASTIC_RUN_ID" in os.environ:
            # Its launchers send it to the whole group: it would end the processes that read the rows of this last step.
            os.register_at_fork(after_in_child=lambda: os.setpgid(0, 0))

    def _request(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            os._exit(STOPPED)
        self.requested = True

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        """Stop here if that was asked for, of this process or of another."""
        if _of_any(self.requested, args.device):
            self.stopping = control.should_save = control.should_training_stop = True
        return control

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Leave before axolotl takes what there is for the result."""
        if self.stopping and state.global_step < state.max_steps:
            sys.exit(STOPPED)


def _of_any(requested: bool, device: torch.device) -> bool:
    """Whether it is true of one process at least; they must stop after the same step."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return requested
    flag = torch.tensor([int(requested)], device=device)
    torch.distributed.all_reduce(flag, op=torch.distributed.ReduceOp.MAX)
    return bool(flag.item())


def mark_complete(folder: Path, pattern: str = "**/*") -> None:
    """Declare what lies in a folder complete, once all of it is sure to be on the disk.

    :param pattern: which files count.
    """
    files = [path for path in sorted(folder.glob(pattern)) if path.is_file() and path.name != MARKER]
    for path in files:
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
    _write_json(folder / MARKER, {path.relative_to(folder).as_posix(): path.stat().st_size for path in files})


def _write_json(path: Path, value: Any) -> None:
    """Replace a file as a whole."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w") as stream:
        json.dump(value, stream, indent=2)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)


def _remove(folder: Path) -> None:
    """Remove a checkpoint, its mark first, so that a kill meanwhile leaves nothing that looks complete."""
    (folder / MARKER).unlink(missing_ok=True)
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
