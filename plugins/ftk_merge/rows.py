"""The rows over which models are compared: of the data, or made up where those hold no token ids."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from ftk.plugin import StagedData
from ftk_merge.checkpoint import Checkpoint
from ftk_merge.command import MergeError
from ftk_merge.planning import INPUT_EMBEDDINGS

if TYPE_CHECKING:
    import pyarrow.parquet as pq

ROWS = 4
"""Rows that are compared."""

TOKENS = 128
"""Tokens of a row that are compared, at most."""

COLUMNS = ("input_ids", "prompt_ids", "chosen_ids", "completion_ids")
"""The token ids of any kind of data: what is asked, then what is answered."""


def read_rows(data: Path) -> list[list[int]]:
    """The token ids of the first rows that have any, cut to `TOKENS`; none where an engine reads the data itself."""
    import pyarrow.parquet as pq

    path = data / StagedData.TRAIN
    if not path.exists():
        return []
    with pq.ParquetFile(path) as file:
        return [ids[:TOKENS] for ids in islice(_all_ids(file), ROWS)]


def _all_ids(file: "pq.ParquetFile") -> Iterator[list[int]]:
    columns = [name for name in COLUMNS if name in file.schema_arrow.names]
    for batch in file.iter_batches(ROWS, columns=columns) if columns else ():
        for row in batch.to_pylist():
            if ids := [token for name in columns for token in row[name] or ()]:
                yield ids


def make_rows(base: Checkpoint) -> list[list[int]]:
    """As many rows of token ids drawn from the base model's vocabulary, the same ones each time.

    :raises MergeError: where nothing says how many tokens the model knows.
    """
    stored = (tensor.shape[0] for name, tensor in base.tensors.items() if name.endswith(INPUT_EMBEDDINGS))
    vocabulary = next(stored, None) or base.config.get("vocab_size")
    if not vocabulary:
        raise MergeError(f"{base.folder} does not say how many tokens its model knows")
    random = Random(0)
    return [[random.randrange(vocabulary) for _ in range(TOKENS)] for _ in range(ROWS)]
