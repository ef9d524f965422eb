"""Compute the loss of rows, with a model and perhaps an adapter, which is not merged into it."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ftk.files import read_json_lines, write_text
from ftk.reporter import Reporter
from ftk_transformers.dataset import PaddingCollator, Row
from ftk_transformers.loading import DEVICE, load, load_adapters, load_tokenizer

BATCH = 8
"""Rows that are computed at once."""

MOST_LOGITS = 1 << 26
"""Logits that are held at once: 256 MiB of them."""

Loss = tuple[float, int]
"""The sum of the negative log-likelihoods of a row's trained tokens, and their number."""


def score(base: Path, tokenizer: Path, adapter: Path, source: Path, target: Path) -> None:
    """Compute the losses of the rows in the file `source` and write the file `target`, in the same order.

    :param base: the folder of the model.
    :param tokenizer: the folder of the tokenizer.
    :param adapter: the folder of an adapter to use with it, or `-`.
    """
    rows = [_row(fields) for fields in read_json_lines(source)]
    tokens = load_tokenizer(tokenizer)
    model = load(base, tokens, None) if adapter == Path("-") else load_adapters(base, tokens, [adapter])
    losses: dict[int, Loss] = {}
    reporter = Reporter.from_environment()
    # Rows of about the same length cost little padding.
    order = sorted(range(len(rows)), key=lambda number: len(rows[number]["input_ids"]))
    for numbers in _slices(order, BATCH):
        losses.update(zip(numbers, losses_of(model, [rows[number] for number in numbers]), strict=True))
        reporter.emit("scoring", done=len(losses), of=len(rows))
    lines = [json.dumps({"loss": loss, "tokens": count}) for _, (loss, count) in sorted(losses.items())]
    write_text(target, "".join(f"{line}\n" for line in lines))


def _row(fields: dict[str, list[int]]) -> Row:
    ids = fields["input_ids"]
    return {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": fields["labels"]}


def _slices(numbers: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (numbers[start : start + size] for start in range(0, len(numbers), size))


@torch.inference_mode()
def losses_of(model: Any, rows: Sequence[Row]) -> list[Loss]:
    """The loss of each row."""
    batch = {name: value.to(DEVICE) for name, value in PaddingCollator(padding=0)(rows).items()}
    trained, targets = batch["logits_to_keep"], batch["shift_labels"]
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    parts = [
        torch.nn.functional.cross_entropy(
            model(**inputs, logits_to_keep=kept).logits.float().flatten(0, -2), wanted, reduction="none"
        )
        for kept, wanted in _parts(trained, targets, MOST_LOGITS // model.config.get_text_config().vocab_size)
    ]
    counts = trained.sum(dim=1).tolist()
    sums = [part.sum(dtype=torch.float64).item() for part in torch.split(torch.cat(parts), counts)]
    return list(zip(sums, counts, strict=True))


def _parts(trained: Tensor, targets: Tensor, most: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The trained places of a batch, at most so many at a time, and the tokens that are expected at them."""
    for places, wanted in zip(torch.split(trained.nonzero(), most), torch.split(targets, most), strict=True):
        kept = torch.zeros_like(trained)
        kept[places[:, 0], places[:, 1]] = True
        yield kept, wanted
