"""Compare the merged model's logits with those of base and adapter, token by token, in float32."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftk_merge.by_peft import load_both
from ftk_merge.checkpoint import Checkpoint
from ftk_merge.tensors import FLOATS

if TYPE_CHECKING:
    from torch import Generator, Tensor

ROWS = 4
"""Rows that are compared."""

TOKENS = 128
"""Tokens of a row that are compared, at most."""

NOISE = 3.0
"""How many times what rounding does by chance the merged model may differ.

Of the tolerance that follows, right merges of twelve Llamas of two layers, with random weights, reach at most 0.03 in
float32, 0.5 in float16 and 0.73 in bfloat16; with one of the layers left out, they reach 40 times the tolerance.
"""

DRAWS = 2
"""Times that the rounding is imitated."""

LEAST = 1e-4
"""A distance that counts as none: sums in another order make some of it, in float32 too."""

SPARE = 1 << 29
"""Bytes that the libraries themselves need."""


@dataclass(frozen=True)
class Worst:
    """The token at which a distance is most beyond its tolerance.

    :param row: counted from 1, as is `token`.
    :param distance: of its logits; see `distances`.
    :param tolerance: of that token.
    """

    row: int
    token: int
    distance: float
    tolerance: float


def compare(base: Path, adapter: Path, merged: Path, data: Path) -> dict[str, Any]:
    """Compare on a few rows; see `MergedModel.parity` for what is returned."""
    checkpoint = Checkpoint.open(merged)
    rows = read_rows(data)
    need, free = needed_memory(checkpoint, rows), free_memory()
    if need > free:
        return {"ok": None, "text": f"skipped: too large ({need / 1e9:.1f} GB needed, {free / 1e9:.1f} GB free)"}
    expected = logits(load_both(base, adapter, merged), rows)
    model = load_merged(merged)
    found = logits(model, rows)
    worst = find_worst(distances(expected, found), tolerances(model, precision_of(checkpoint), rows, found))
    tokens = sum(map(len, rows))
    ok = worst.distance <= worst.tolerance  # so that a model that answers with no numbers fails too
    text = (
        f"distance {worst.distance:.2g} {'within' if ok else 'beyond'} the tolerance {worst.tolerance:.2g} "
        f"at row {worst.row}, token {worst.token}, the worst of {tokens} tokens of {len(rows)} rows"
    )
    return {"ok": ok, "text": text, "tokens": tokens, **asdict(worst)}


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
    """Bytes for one of the models in float32, for rounding its largest tensor at random, and for the logits of both."""
    sizes = [tensor.count for tensor in merged.tensors.values()]
    vocabulary = max((tensor.shape[0] for tensor in merged.tensors.values() if tensor.shape), default=0)
    return 4 * (sum(sizes) + 2 * max(sizes) + 4 * vocabulary * sum(map(len, rows))) + SPARE


def free_memory() -> int:
    """Bytes that can be used without swapping."""
    import psutil

    return int(psutil.virtual_memory().available)


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


def distances(expected: "Sequence[Tensor]", found: "Sequence[Tensor]") -> "list[Tensor]":
    """For each token of each row, the standard deviation of its logits' differences over that of its expected logits.

    An equal shift of all logits changes no answer, and does not count.
    """
    return [(b - a).std(dim=1) / a.std(dim=1) for a, b in zip(expected, found, strict=True)]


def tolerances(
    model: Any, precision: float, rows: Sequence[Sequence[int]], found: "Sequence[Tensor]"
) -> "list[Tensor]":
    """For each token of each row, the largest distance that rounding the merged weights explains.

    How far a rounding moves the logits differs by model and token, so it is measured: by rounding again, at random.

    :param model: the merged model; its weights are changed.
    :param precision: see `precision_of`.
    :param found: its logits.
    """
    import torch

    random, seen = torch.Generator().manual_seed(0), []
    for _ in range(DRAWS):
        _round_at_random(model, precision, random)
        seen.append(distances(found, logits(model, rows)))
    return [torch.stack(draws).amax(dim=0).mul(NOISE).clamp(min=LEAST) for draws in zip(*seen, strict=True)]


def _round_at_random(model: Any, precision: float, random: "Generator") -> None:
    """Change the matrices of all layers as much as rounding did; embeddings are looked up, and seldom merged."""
    import torch

    embeddings = model.get_input_embeddings().weight
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1 and weight is not embeddings:
                weight *= 1 + precision * (torch.rand(weight.shape, generator=random) - 0.5)


def precision_of(merged: Checkpoint) -> float:
    """The relative distance of two neighbouring numbers, in the coarsest type in which a matrix is stored."""
    import torch

    types = {tensor.dtype for tensor in merged.tensors.values() if len(tensor.shape) > 1}
    return max(torch.finfo(FLOATS[dtype]).eps for dtype in types & FLOATS.keys())


def find_worst(found: "Sequence[Tensor]", tolerated: "Sequence[Tensor]") -> Worst:
    """The token whose distance is the largest share of its tolerance; one that is no number is the worst."""
    shares = [(a / b).nan_to_num(nan=float("inf")) for a, b in zip(found, tolerated, strict=True)]
    row = max(range(len(shares)), key=lambda number: float(shares[number].max()))
    token = int(shares[row].argmax())
    return Worst(row + 1, token + 1, float(found[row][token]), float(tolerated[row][token]))
