"""The trainer of transformers, set up so that a resumed training equals an uninterrupted one."""

from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader
from transformers import Trainer

from ftk_transformers.dataset import Shuffle
from ftk_transformers.optimizers import create_optimizer
from ftk_transformers.packing import tokens_in
from ftk_transformers.schedulers import create_scheduler
from ftk_transformers.settings import Settings


class ReproducibleTrainer(Trainer):
    """A trainer whose order of rows survives a resume, with this engine's optimizers and schedulers.

    :param settings: of the training.
    :param train_dataset: the training rows or packs, with `lengths()` where they are grouped by length.
    """

    def __init__(self, settings: Settings, train_dataset: Any, **options: Any) -> None:
        super().__init__(train_dataset=train_dataset, **options)
        self.settings = settings
        self.order = order_of(train_dataset, settings)

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Batches of the training rows; the trainer calls this."""
        loader: DataLoader[Any] = DataLoader(
            self.train_dataset,  # type: ignore[arg-type]
            batch_size=self.args.train_batch_size,
            sampler=self.order,
            collate_fn=self.data_collator,
            num_workers=self.args.dataloader_num_workers,
            prefetch_factor=self.args.dataloader_prefetch_factor,
            pin_memory=self.args.dataloader_pin_memory,
        )
        prepared: DataLoader[Any] = self.accelerator.prepare(loader)
        return prepared

    def create_optimizer(self, model: Any = None) -> Optimizer:
        """Make the optimizer; the trainer calls this."""
        tuned: Any = self.model
        decayed = set(self.get_decay_parameter_names(tuned))
        optimizer = create_optimizer(tuned, decayed, self.args, self.settings.optimization)
        self.optimizer = optimizer
        return optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Optimizer | None = None) -> LRScheduler:
        """Make the scheduler; the trainer calls this."""
        stepped: Any = optimizer or self.optimizer
        scheduler = create_scheduler(stepped, self.settings.optimization, num_training_steps)
        self.lr_scheduler = scheduler  # type: ignore[assignment]
        return scheduler

    def training_step(self, model: nn.Module, inputs: dict[str, Tensor | Any], *rest: Any, **more: Any) -> Tensor:
        """Count the tokens of a batch, without its padding, and train on it."""
        packed = "attention_mask" not in inputs
        tokens = tokens_in(inputs["position_ids"]) if packed else int(inputs["attention_mask"].sum())
        self.state.num_input_tokens_seen += tokens
        return super().training_step(model, inputs, *rest, **more)


def order_of(rows: Any, settings: Settings) -> Shuffle:
    """The order in which the rows are trained."""
    batches = settings.batches
    lengths = rows.lengths() if batches.group_by_length else None
    return Shuffle(len(rows), None if batches.curriculum_sampling else batches.seed, lengths, batches.rows_per_step)
