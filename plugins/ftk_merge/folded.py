"""Another merge, to compare with: peft folds the adapter in, in memory, and each weight is rounded once."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ftk_merge.checkpoint import Checkpoint
from ftk_merge.names import stored_name
from ftk_merge.tensors import FLOATS

if TYPE_CHECKING:
    import torch

WRAPPERS = ("base_model.model.", ".base_layer", ".modules_to_save.default")
"""What peft adds to the name of a weight."""


def fold(model: Any, merged: Checkpoint) -> None:
    """Fold the adapter on a model into its weights, and round them to the types in which those of `merged` are stored.

    :param model: base and adapter, in float32.
    """
    import torch

    types, coarsest = _types(merged), coarsest_type(merged)
    with torch.no_grad():
        _part_tied_weights(model)
        model.merge_adapter()
        for name, weight in model.named_parameters():
            weight.copy_(weight.to(types.get(stored_name(_unwrapped(name), types) or "", coarsest)))


def coarsest_type(merged: Checkpoint) -> "torch.dtype":
    """The coarsest type in which a weight is stored; float32, in which is computed, where all are finer."""
    import torch

    stored = {FLOATS[tensor.dtype] for tensor in merged.tensors.values() if tensor.dtype in FLOATS}
    return max({torch.float32, *stored}, key=lambda dtype: torch.finfo(dtype).eps)


def _types(merged: Checkpoint) -> "Mapping[str, torch.dtype]":
    return {name: FLOATS[tensor.dtype] for name, tensor in merged.tensors.items() if tensor.dtype in FLOATS}


def _unwrapped(name: str) -> str:
    for wrapper in WRAPPERS:
        name = name.replace(wrapper, "")
    return name


def _part_tied_weights(model: Any) -> None:
    """Give each adapted layer a weight of its own: folding one embedding would change the one that shares it."""
    import torch
    from peft.tuners.tuners_utils import BaseTunerLayer

    tied = model.get_input_embeddings(), model.get_output_embeddings()
    for layer in tied:
        if isinstance(layer, BaseTunerLayer):
            base: Any = layer.get_base_layer()
            base.weight = torch.nn.Parameter(base.weight.detach().clone())
