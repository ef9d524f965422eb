"""Compare the merged model's logits with those of base and adapter, token by token, in float32."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftk_merge.checkpoint import Checkpoint

if TYPE_CHECKING:
    from torch import Tensor

ROWS = 4
"""Rows that are compared."""

TOKENS = 128
"""Tokens of a row that are compared, at most."""

TOLERANCE: Mapping[str, float] = {"F32": 1e-4, "F16": 5e-3, "BF16": 3e-2}
"""The largest distance that rounding the merged weights explains, by the type in which they are stored.

The distance of two logit vectors is the length of their difference, over the standard deviation ...
"""


def rows_of(data: Path) -> list[list[int]]:
    """The token ids of the first rows, cut to `TOKENS`."""
    import pyarrow.parquet as pq

    from ftk.plugin import StagedData

    table = next(pq.ParquetFile(data / StagedData.TRAIN).iter_batches(ROWS)).to_pylist()
    return [_ids(row)[:TOKENS] for row in table]


def _ids(row: Mapping[str, Any]) -> list[int]:
    """The tokens of a row, of whatever kind of data: what is not asked comes after what is."""
    parts = [row[name] for name in ("input_ids", "prompt_ids", "chosen_ids", "completion_ids") if row.get(name)]
    return [token for part in parts for token in part]


def logits(model: Any, rows: list[list[int]]) -> "list[Tensor]":
    """The logits of each row, of shape (tokens, vocabulary)."""
    import torch

    model.eval()
    with torch.inference_mode():
        return [model(input_ids=torch.tensor([row]), use_cache=False).logits[0].float() for row in rows]
