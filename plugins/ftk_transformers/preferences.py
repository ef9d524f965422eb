"""Training on preferences with trl's losses, on rows that are tokenised already, in an order that survives a resume."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
from datasets import Dataset
from datasets.table import InMemoryTable
from peft import PeftModel
from torch import Tensor
from transformers import PreTrainedTokenizerBase
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DataCollatorForPreference, DPOTrainer
from trl.trainer.kto_config import KTOConfig
from trl.trainer.kto_trainer import DataCollatorForUnpairedPreference, KTOTrainer

from ftk_transformers.arguments import checked
from ftk_transformers.settings import Settings
from ftk_transformers.settings.preference import Preference
from ftk_transformers.trainer import ReproducibleTrainer

COLUMNS = ("prompt_ids", "chosen_ids", "rejected_ids", "completion_ids", "label")
"""What trl reads of a row: the first three of a pair, the others (with the prompt) of a single answer."""

BETA = 0.1


class PreferenceRows(Dataset):  # type: ignore[misc]
    """Tokenised preferences in memory, as trl takes them; nothing is written to a cache of its own."""

    @classmethod
    def read(cls, path: Path) -> "PreferenceRows":
        """The rows of one Parquet file."""
        names = [name for name in pq.read_schema(path).names if name in COLUMNS]
        return cls(InMemoryTable(pq.read_table(path, columns=names)))

    def lengths(self) -> list[int]:
        """Tokens in each row."""
        ids = [name for name in self.column_names if name.endswith("_ids")]
        columns = [pc.list_value_length(self.data.column(name)).to_pylist() for name in ids]
        return [sum(row) for row in zip(*columns, strict=True)]


def collator(settings: Settings, padding: int) -> Callable[[Sequence[Any]], dict[str, Tensor]]:
    """Makes a batch of preferences."""
    if settings.preference.rl != "kto":
        paired: Callable[[Sequence[Any]], dict[str, Tensor]] = DataCollatorForPreference(pad_token_id=padding)
        return paired
    unpaired = DataCollatorForUnpairedPreference(pad_token_id=padding)

    def collate(rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        # KTO estimates how far the model went from its base on answers to other prompts, those of the same batch.
        others = [rows[-1], *rows[:-1]]
        mixed = [{**row, "KL_completion_ids": other["completion_ids"]} for row, other in zip(rows, others, strict=True)]
        batch: dict[str, Tensor] = unpaired(mixed)
        return batch

    return collate


class _Prepared:
    """What both trainers of trl do without here."""

    def _prepare_dataset(self, dataset: Dataset, *rest: Any) -> Dataset:
        """Leave the rows as stage_data has made them."""
        return dataset

    def create_model_card(self, *args: Any, **options: Any) -> None:
        """Write none."""


class PairTrainer(_Prepared, ReproducibleTrainer, DPOTrainer):
    """DPO and its kin, on pairs of answers."""


class AnswerTrainer(_Prepared, ReproducibleTrainer, KTOTrainer):
    """KTO, on single answers that are good or bad."""


def make_trainer(
    settings: Settings,
    rows: PreferenceRows,
    values: dict[str, Any],
    tokenizer: PreTrainedTokenizerBase,
    reference: Callable[[], Any],
    **options: Any,
) -> ReproducibleTrainer:
    """The trainer that `rl` names.

    :param values: of the training arguments.
    :param reference: reads the base model, which the tuned one is held near to; an adapter is switched off instead.
    :param options: further arguments of the trainer.
    """
    unpaired = settings.preference.rl == "kto"
    args: Any = checked(KTOConfig if unpaired else DPOConfig, {**values, **preference_values(settings.preference)})
    kind = AnswerTrainer if unpaired else PairTrainer
    base = None if isinstance(options["model"], PeftModel) else reference()
    trainer = kind(settings, rows, args=args, processing_class=tokenizer, ref_model=base, **options)
    trainer.processing_class = None  # the tokenizer goes beside the result, not into every checkpoint
    return trainer


def preference_values(preference: Preference) -> dict[str, Any]:
    """What trl's training arguments have beyond those of transformers."""
    common = {"beta": preference.rl_beta or BETA, "max_length": None}
    if preference.rl == "kto":
        weights = (preference.kto_desirable_weight, preference.kto_undesirable_weight)
        desirable, undesirable = (weight or 1.0 for weight in weights)
        return {**common, "desirable_weight": desirable, "undesirable_weight": undesirable}
    return {
        **common,
        "loss_type": preference.losses,
        "loss_weights": preference.loss_weights,
        "label_smoothing": preference.dpo_label_smoothing or 0.0,
        "use_weighting": preference.dpo_use_weighting,
    }
