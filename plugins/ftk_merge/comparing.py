"""Compare the merged model's logits with those of base and adapter, over the tokens of a few rows, in float32.

A merge rounds the weights to the type in which they are stored. That moves the logits too, and those of a barely
trained adapter as far as the adapter itself does: so it says nothing of the merge. What must agree is the merged model
and the adapter folded in a second time, by peft and in memory, and rounded in the same way.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftk_merge.checkpoint import Checkpoint
from ftk_merge.loading import UnknownModel, load_both, load_model
from ftk_merge.memory import free_memory
from ftk_merge.room import needed_memory
from ftk_merge.rows import make_rows, read_rows

if TYPE_CHECKING:
    from torch import Tensor

TOLERANCE = 2e-5
"""The distance up to which two merges agree, whatever the type in which they are stored.

Sums in another order, up to float64, make 5e-6 at most (SmolLM2 of 30 layers and a Llama of 32, LoRA and DoRA, in
bfloat16, float16 and float32). The least that a merge without one of the layers makes is 5e-5, after a single step with
a learning rate of 1e-4; after twenty steps, it is a hundred times that.
"""

ROUNDING: Mapping[str, float] = {"float32": 1e-4, "float16": 0.03, "bfloat16": 0.2}
"""The distance between the merged model and base and adapter that rounding to a type explains.

It makes a tenth of that at most in the models above: beyond it, peft's own merge must be wrong too.
"""


def compare(base: Path, adapter: Path, merged: Path, data: Path) -> dict[str, Any]:
    """Compare on a few rows; see `MergedModel.parity` for what is returned."""
    checkpoint = Checkpoint.open(merged)
    staged = read_rows(data)
    rows = staged or make_rows(Checkpoint.open(base))
    need, free = needed_memory(checkpoint, adapter) + _logits_memory(checkpoint, rows), free_memory()
    if need > free:
        return {"ok": None, "text": f"skipped: too large ({need / 1e9:.1f} GB needed, {free / 1e9:.1f} GB free)"}
    try:
        found = {**measure(base, adapter, checkpoint, rows), "made_up": not staged}
    except UnknownModel as reason:
        return {"ok": None, "text": f"skipped: {reason}"}
    return {**found, "text": _text(**found)}


def measure(base: Path, adapter: Path, merged: Checkpoint, rows: Sequence[Sequence[int]]) -> dict[str, Any]:
    """The distances between base, base and adapter, and the merged model; one of them is in memory at a time.

    :returns: `ok`, and of all tokens: `distance` between both merges; `rounding`, between the merged model and base and
        adapter; `learned`, between these and the base.
    """
    from ftk_merge.folded import coarsest_type, fold

    model = load_both(base, adapter, merged.folder)
    tuned = logits(model, rows)
    with model.disable_adapter():
        learned = distance(tuned, logits(model, rows))
    fold(model, merged)
    folded = logits(model, rows)
    del model
    found = logits(load_model(merged.folder, adapter), rows)
    apart, rounding = distance(folded, found), distance(tuned, found)
    dtype = str(coarsest_type(merged)).removeprefix("torch.")
    return {
        "ok": apart <= TOLERANCE and rounding <= ROUNDING[dtype],  # no number is within any
        "distance": apart,
        "tolerance": TOLERANCE,
        "rounding": rounding,
        "learned": learned,
        "dtype": dtype,
        "rows": len(rows),
        "tokens": sum(map(len, rows)),
    }


def _text(distance: float, rounding: float, dtype: str, **found: Any) -> str:
    limit = ROUNDING[dtype]
    rows = f"{found['rows']} {'made-up ' if found['made_up'] else ''}rows"
    return (
        f"distance {distance:.2g} {'within' if distance <= TOLERANCE else 'beyond'} the tolerance {TOLERANCE:g},"
        f" in {found['tokens']} tokens of {rows}; rounding to {dtype} makes {rounding:.2g}"
        f"{'' if rounding <= limit else f', and explains {limit:g} at most'}, the adapter {found['learned']:.2g}"
    )


def _logits_memory(merged: Checkpoint, rows: Sequence[Sequence[int]]) -> int:
    """Bytes for four times the logits, in float32."""
    vocabulary = max((tensor.shape[0] for tensor in merged.tensors.values() if tensor.shape), default=0)
    return 4 * 4 * vocabulary * sum(map(len, rows))


def logits(model: Any, rows: Sequence[Sequence[int]]) -> "list[Tensor]":
    """The logits of each row, of shape (tokens, vocabulary)."""
    import torch

    model.eval()
    with torch.inference_mode():
        return [model(input_ids=torch.tensor([row]), use_cache=False).logits[0] for row in rows]


def distance(expected: "Sequence[Tensor]", found: "Sequence[Tensor]") -> float:
    """The standard deviation of the logits' differences over that of the expected logits, in all tokens' mean square.

    An equal shift of all logits of a token changes no answer, and does not count.
    """
    differences = [b - a for a, b in zip(expected, found, strict=True)]
    return float((_spread(differences) / _spread(expected)).sqrt())


def _spread(rows: "Sequence[Tensor]") -> "Tensor":
    return sum(row.var(dim=1).sum() for row in rows)  # type: ignore[return-value]
