"""What a training reads: rows, packs or preferences, and how they become batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import PreTrainedTokenizerBase

from ftk_transformers.dataset import PaddingCollator, PreparedRows
from ftk_transformers.packing import PackedRows, PackingCollator
from ftk_transformers.settings import Settings

TRAIN, EVAL = "train.parquet", "eval.parquet"


@dataclass(frozen=True)
class TrainingRows:
    """The rows of a training.

    :param train: those to train on.
    :param evaluation: those held out.
    :param collate: makes a batch of some of them.
    """

    train: Any
    evaluation: Any | None
    collate: Callable[[Sequence[Any]], dict[str, Tensor]]


def read_rows(folder: Path, settings: Settings, tokenizer: PreTrainedTokenizerBase) -> TrainingRows:
    """Read the files of stage_data in `folder`."""
    padding = int(tokenizer.pad_token_id or tokenizer.eos_token_id or 0)
    if settings.preference.rl:
        from ftk_transformers.preferences import PreferenceRows, collator  # trl takes a while

        return _read(folder, PreferenceRows.read, PreferenceRows.read, collator(settings, padding))
    batches = settings.batches
    width = batches.sequence_len if batches.pad_to_sequence_len else None
    padded, packed = PaddingCollator(padding, width), PackingCollator(padding, width)

    def packs(path: Path) -> PackedRows:
        return PackedRows(PreparedRows(path), batches.sequence_len)

    def collate(items: Sequence[Any]) -> dict[str, Tensor]:
        return packed(items) if isinstance(items[0], list) else padded(items)

    train = packs if batches.sample_packing else PreparedRows
    return _read(folder, train, packs if batches.packs_evaluation else PreparedRows, collate)


def _read(folder: Path, train: Callable[[Path], Any], evaluation: Callable[[Path], Any], collate: Any) -> TrainingRows:
    held_out = folder / EVAL
    return TrainingRows(train(folder / TRAIN), evaluation(held_out) if held_out.exists() else None, collate)
