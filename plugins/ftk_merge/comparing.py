"""Compare the merged model's logits with those of base and adapter, token by token, in float32."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftk_merge.by_peft import load_both
from ftk_merge.checkpoint import Checkpoint

if TYPE_CHECKING:
    from torch import Tensor

ROWS = 4
"""Rows that are compared."""

TOKENS = 128
"""Tokens of a row that are compared, at most."""

TOLERANCE: Mapping[str, float] = {"F32": 1e-4, "F16": 4e-3, "BF16": 2.5e-2}
"""The largest distance that rounding the merged weights explains, by the type in which they are stored.

Measured on SmolLM2-135M with a rank 16 adapter on all linear layers: the worst token's distance is 4e-6 in F32, 1.6e-3
in F16 and 9.6e-3 in BF16; with the merge of one of ten layers left out in turn, it is at least 4.9e-2.
"""

SPARE = 1 << 29
"""Bytes that the libraries themselves need."""


@dataclass(frozen=True)
class Worst:
    """The token at which two models differ most.

    :param row: counted from 1, as is `token`.
    :param distance: of its logits; see `distances`.
    :param difference: the largest of any one logit, of all tokens.
    """

    row: int
    token: int
    distance: float
    difference: float


def compare(base: Path, adapter: Path, merged: Path, data: Path) -> dict[str, Any]:
    """Compare on a few rows; see `MergedModel.parity` for what is returned."""
    checkpoint = Checkpoint.open(merged)
    rows = read_rows(data)
    need, free = needed_memory(checkpoint, rows), free_memory()
    if need > free:
        return {"ok": None, "text": f"skipped: too large ({need / 1e9:.1f} GB needed, {free / 1e9:.1f} GB free)"}
    expected = logits(load_both(base, adapter), rows)
    worst = find_worst(expected, logits(load_merged(merged), rows))
    tolerance = tolerance_of(checkpoint)
    tokens = sum(map(len, rows))
    text = (
        f"distance {worst.distance:.2g} (tolerance {tolerance:g}) at row {worst.row}, token {worst.token}; "
        f"{tokens} tokens of {len(rows)} rows, largest difference of a logit {worst.difference:.2g}"
    )
    figures = {"distance": worst.distance, "difference": worst.difference, "row": worst.row, "token": worst.token}
    # Written so that a model that answers with no numbers fails too.
    return {"ok": worst.distance <= tolerance, "text": text, "tolerance": tolerance, "tokens": tokens, **figures}


def read_rows(data: Path) -> list[list[int]]:
    """The token ids of the first rows, cut to `TOKENS`."""
    import pyarrow.parquet as pq

    from ftk.plugin import StagedData

    with pq.ParquetFile(data / StagedData.TRAIN) as file:
        return [_ids(row)[:TOKENS] for row in next(file.iter_batches(ROWS)).to_pylist()]


def _ids(row: Mapping[str, Any]) -> list[int]:
    """The tokens of a row of any kind of data: what is asked, then what is answered."""
    parts = [row[name] for name in ("input_ids", "prompt_ids", "chosen_ids", "completion_ids") if row.get(name)]
    return [token for part in parts for token in part]


def needed_memory(merged: Checkpoint, rows: Sequence[Sequence[int]]) -> int:
    """Bytes for one of the models in float32, and for the logits of both."""
    weights = sum(tensor.count for tensor in merged.tensors.values())
    vocabulary = max((tensor.shape[0] for tensor in merged.tensors.values() if tensor.shape), default=0)
    return 4 * (weights + 4 * vocabulary * sum(map(len, rows))) + SPARE


def free_memory() -> int:
    """Bytes that can be used without swapping."""
    import psutil

    return int(psutil.virtual_memory().available)


def tolerance_of(merged: Checkpoint) -> float:
    """The tolerance of the coarsest type in which a matrix is stored."""
    types = {tensor.dtype for tensor in merged.tensors.values() if len(tensor.shape) > 1}
    return max(TOLERANCE.get(dtype, TOLERANCE["BF16"]) for dtype in types)


def load_merged(folder: Path) -> Any:
    """The merged model, in float32."""
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def logits(model: Any, rows: Sequence[Sequence[int]]) -> "list[Tensor]":
    """The logits of each row, of shape (tokens, vocabulary)."""
    import torch

    model.eval()
    with torch.inference_mode():
        return [model(input_ids=torch.tensor([row]), use_cache=False).logits[0] for row in rows]


def distances(expected: "Tensor", found: "Tensor") -> "Tensor":
    """For each token, the standard deviation of its logits' differences over that of its expected logits.

    An equal shift of all logits changes no answer, and does not count.
    """
    return (found - expected).std(dim=1) / expected.std(dim=1)


def find_worst(expected: "Sequence[Tensor]", found: "Sequence[Tensor]") -> Worst:
    """Where the logits of two models differ most; a distance that is no number is the worst."""
    by_token = [distances(*pair).nan_to_num(nan=float("inf")) for pair in zip(expected, found, strict=True)]
    row = max(range(len(by_token)), key=lambda number: float(by_token[number].max()))
    token = int(by_token[row].argmax())
    difference = max(float((b - a).abs().max()) for a, b in zip(expected, found, strict=True))
    return Worst(row + 1, token + 1, float(by_token[row][token]), difference)
