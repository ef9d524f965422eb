"""Fine-tune a model on prepared rows, and finish what an earlier, killed process of the same run began."""

import sys
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback, Trainer, set_seed

from ftk.files import make_folder
from ftk.reporter import Reporter
from ftk_transformers.callbacks import STOPPED, Checkpoints, Progress, StopOnRequest
from ftk_transformers.checkpoints import checkpoint_at, newest_complete, step_of
from ftk_transformers.dataset import PaddingCollator, PreparedRows
from ftk_transformers.device import Device
from ftk_transformers.export import export_adapter, export_model, write_result
from ftk_transformers.settings import Lora, Settings
from ftk_transformers.trainer import ReproducibleTrainer, arguments, order_of


def train(run: Path, data: Path, base: Path) -> None:
    """Train as the run's resolved config says, from its newest complete checkpoint if there is one.

    :param run: the run's folder, with `resolved.yml`.
    :param data: the folder with `train.parquet` and, to evaluate on, `eval.parquet`.
    :param base: the folder of the base model.
    """
    reporter = Reporter.from_environment()
    settings = Settings.from_file(run / "resolved.yml")
    rows = PreparedRows(data / "train.parquet")
    evaluation = PreparedRows(data / "eval.parquet") if (data / "eval.parquet").exists() else None
    steps = settings.total_steps(len(rows))
    output = make_folder(run / settings.output_dir)
    checkpoint = newest_complete(output)
    start = step_of(checkpoint) if checkpoint else 0

    device = Device.choose(settings, reporter)
    set_seed(settings.seed)  # before the adapter is drawn
    model = load_model(base, settings.lora, device)
    trainable = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    reporter.emit(
        "training",
        steps=steps,
        start_step=start,
        rows=len(rows),
        device=device.name,
        dtype="bfloat16" if device.bf16 else "float32",
        trainable_parameters=trainable,
        total_parameters=sum(weight.numel() for weight in model.parameters()),
    )
    if checkpoint is None or start < steps:
        trainer = ReproducibleTrainer(
            rows,
            order_of(rows, settings),
            model=model,
            args=arguments(settings, device, output, len(rows), evaluates=evaluation is not None),
            data_collator=PaddingCollator(padding_of(base)),
            eval_dataset=evaluation,
            callbacks=[
                Progress(reporter),
                Checkpoints(reporter, run, settings.base_model, settings.save_total_limit),
            ],
        )
        run_to_end(trainer, checkpoint)
        checkpoint = checkpoint_at(output, steps)

    if settings.lora:
        export_adapter(checkpoint, output)
    else:
        export_model(checkpoint, output, base)
    write_result(
        checkpoint,
        output,
        {
            "steps": step_of(checkpoint),
            "start_step": start,
            "adapter": settings.lora is not None,
            "parameters": trainable,
        },
    )


def load_model(base: Path, lora: Lora | None, device: Device) -> nn.Module:
    """The model in the folder `base`, with a new adapter when there is one to train.

    :param lora: the adapter; without one, all weights are trained.
    """
    # Weights that are trained themselves stay in float32, also where the products are in bfloat16.
    dtype = device.weights if lora else torch.float32
    model = AutoModelForCausalLM.from_pretrained(base, dtype=dtype, attn_implementation="sdpa")
    if lora is None:
        return model
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.target_modules,
    )
    return get_peft_model(model, config)


def padding_of(base: Path) -> int:
    """A token id to fill batches with, of the tokenizer in the folder `base`."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    return int(tokenizer.pad_token_id or tokenizer.eos_token_id or 0)


def run_to_end(trainer: Trainer, checkpoint: Path | None) -> None:
    """Train all steps that are left; a request to stop ends the process after a checkpoint."""
    stop = StopOnRequest()
    trainer.add_callback(stop)
    trainer.remove_callback(PrinterCallback)  # `Progress` prints
    stop.listen()
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if trainer.state.global_step < trainer.state.max_steps:
        sys.exit(STOPPED)
