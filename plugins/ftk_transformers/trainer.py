"""The trainer of transformers, set up so that a resumed training equals an uninterrupted one."""

from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader
from transformers import Trainer, TrainingArguments

from ftk_transformers.command import CommandError
from ftk_transformers.dataset import PreparedRows, Row, Shuffle
from ftk_transformers.device import Device
from ftk_transformers.settings import Settings


class ReproducibleTrainer(Trainer):
    """A trainer whose order of rows survives a resume.

    :param rows: the training rows.
    :param order: their order.
    """

    def __init__(self, rows: PreparedRows, order: Shuffle, **options: Any) -> None:
        super().__init__(train_dataset=rows, **options)
        self.rows = rows
        self.order = order

    def get_train_dataloader(self) -> DataLoader[Row]:
        """Batches of the training rows; the trainer calls this."""
        loader = DataLoader(
            self.rows,
            batch_size=self.args.train_batch_size,
            sampler=self.order,
            collate_fn=self.data_collator,
        )
        prepared: DataLoader[Row] = self.accelerator.prepare(loader)
        return prepared


def order_of(rows: PreparedRows, settings: Settings) -> Shuffle:
    """The order in which the rows are trained."""
    lengths = rows.lengths() if settings.group_by_length else None
    return Shuffle(len(rows), settings.seed, lengths, settings.rows_per_step)


def arguments(settings: Settings, device: Device, output: Path, rows: int, evaluates: bool) -> TrainingArguments:
    """What transformers needs to know of a training.

    :param output: the folder for checkpoints.
    :param rows: how many rows are trained.
    :param evaluates: whether there are rows to evaluate on.
    :raises CommandError: when it does not know a name, such as that of the optimizer.
    """
    steps = settings.total_steps(rows)
    epoch = settings.steps_per_epoch(rows)
    evaluate_every = settings.evaluate.in_steps(epoch) if evaluates else None
    try:
        return TrainingArguments(
            output_dir=str(output),
            max_steps=steps,
            per_device_train_batch_size=settings.micro_batch_size,
            per_device_eval_batch_size=settings.eval_batch_size,
            gradient_accumulation_steps=settings.gradient_accumulation_steps,
            activation_checkpointing=settings.gradient_checkpointing,
            optim=device.optimizer,
            lr_scheduler_type=settings.lr_scheduler,
            learning_rate=settings.learning_rate,
            warmup_steps=settings.warmup_steps,
            weight_decay=settings.weight_decay,
            max_grad_norm=settings.max_grad_norm,
            bf16=device.bf16,
            seed=settings.seed,
            logging_steps=settings.logging_steps,
            logging_nan_inf_filter=False,  # it would hide a training that diverged
            include_num_input_tokens_seen="non_padding",
            save_strategy="steps",
            save_steps=settings.save.in_steps(epoch) or steps,  # the last step is always saved
            eval_strategy="steps" if evaluate_every else "no",
            eval_steps=evaluate_every,
            remove_unused_columns=False,  # it would remove what the collator adds
            dataloader_pin_memory=False,
            disable_tqdm=True,
            report_to="none",
        )
    except ValueError as error:
        raise CommandError(str(error).partition("\n")[0]) from error
