"""Fine-tune a model on prepared rows, and finish what an earlier, killed process of the same run began."""

import sys
from pathlib import Path
from typing import Any

from torch import nn
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PrinterCallback, Trainer, TrainingArguments, set_seed

from ftk.files import make_folder
from ftk.reporter import Reporter
from ftk_transformers.arguments import argument_values, checked
from ftk_transformers.best import BestCheckpoints, best_step, stopped_early
from ftk_transformers.callbacks import STOPPED, Checkpoints, Progress, StopOnRequest
from ftk_transformers.checkpoints import checkpoint_at, newest_complete, step_of
from ftk_transformers.device import Device
from ftk_transformers.export import export_adapter, export_model, write_result
from ftk_transformers.model import load_base, load_model
from ftk_transformers.rows import TrainingRows, read_rows
from ftk_transformers.settings import Settings
from ftk_transformers.trainer import ReproducibleTrainer


def train(run: Path, data: Path, base: Path, tokenizer_folder: Path) -> None:
    """Train as the run's resolved config says, from its newest complete checkpoint if there is one.

    :param run: the run's folder, with `resolved.yml`.
    :param data: the folder with `train.parquet` and, to evaluate on, `eval.parquet`.
    :param base: the folder of the base model.
    :param tokenizer_folder: the run's tokenizer.
    """
    reporter = Reporter.from_environment()
    settings = Settings.from_file(run / "resolved.yml")
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(tokenizer_folder)
    rows = read_rows(data, settings, tokenizer)
    steps = settings.batches.total_steps(len(rows.train))
    output = make_folder(run / settings.output_dir)
    checkpoint = newest_complete(output, reporter.notice)
    start = step_of(checkpoint) if checkpoint else 0

    device = Device.choose(settings, reporter)
    set_seed(settings.batches.seed)  # before the adapter is drawn
    model = load_model(base, tokenizer, settings, device)
    sizes = sizes_of(model)
    facts = {"steps": steps, "start_step": start, "rows": len(rows.train)}
    reporter.emit("training", **facts, device=device.name, dtype=device.dtype_name, **sizes)
    if checkpoint is None or not (start == steps or stopped_early(checkpoint)):
        trainer = make_trainer(settings, device, output, rows, model, tokenizer, base)
        trainer.add_callback(Progress(reporter))
        trainer.add_callback(Checkpoints(reporter, run, settings))
        run_to_end(trainer, checkpoint)
        checkpoint = checkpoint_at(output, trainer.state.global_step)

    chosen = checkpoint_at(output, best_step(checkpoint)) if settings.schedule.keeps_best else checkpoint
    if settings.trains_adapter:
        export_adapter(chosen, output, tokenizer_folder)
    else:
        export_model(chosen, output, base, tokenizer_folder)
    about = {"steps": step_of(checkpoint), "start_step": start, "adapter": settings.trains_adapter}
    write_result(chosen, output, {**about, "parameters": sizes["trainable_parameters"]})


def sizes_of(model: nn.Module) -> dict[str, int]:
    """How many weights are trained, and how many there are."""
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    return {"trainable_parameters": trained, "total_parameters": sum(weight.numel() for weight in model.parameters())}


def make_trainer(
    settings: Settings,
    device: Device,
    output: Path,
    rows: TrainingRows,
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    base: Path,
) -> ReproducibleTrainer:
    """The trainer of these rows: for texts, or for preferences."""
    evaluates = rows.evaluation is not None
    values = argument_values(settings, device, output, len(rows.train), evaluates)
    options: dict[str, Any] = {"model": model, "data_collator": rows.collate, "eval_dataset": rows.evaluation}
    if values["metric_for_best_model"]:
        options["callbacks"] = [BestCheckpoints(settings.schedule.early_stopping_patience)]
    if not settings.preference.rl:
        return ReproducibleTrainer(settings, rows.train, args=checked(TrainingArguments, values), **options)
    from ftk_transformers import preferences  # trl takes a while

    def reference() -> Any:
        return load_base(base, tokenizer, settings, device)

    return preferences.make_trainer(settings, rows.train, values, tokenizer, reference, **options)


def run_to_end(trainer: Trainer, checkpoint: Path | None) -> None:
    """Train all steps that are left; a request to stop ends the process after a checkpoint."""
    stop = StopOnRequest()
    trainer.add_callback(stop)
    trainer.remove_callback(PrinterCallback)  # `Progress` prints
    stop.listen()
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if stop.requested and trainer.state.global_step < trainer.state.max_steps:
        sys.exit(STOPPED)
