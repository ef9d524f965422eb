"""What the merged model's files will hold: decided before anything is written."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ftk_merge.adapter import Change, UnknownAdapter
from ftk_merge.checkpoint import Checkpoint
from ftk_merge.command import MergeError
from ftk_merge.low_rank import Fold
from ftk_merge.names import TEXT_PART, stored_name
from ftk_merge.tensors import FLOATS, StoredTensor

INPUT_EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "embed_in.weight", "word_embeddings.weight")
OUTPUT_EMBEDDINGS = ("lm_head.weight", "embed_out.weight")

TYPES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}
"""The types that can be chosen, by their names in a config."""


@dataclass(frozen=True)
class MergedTensor:
    """A tensor to write.

    :param source: where its numbers come from.
    :param dtype: the name of the type in which it is written.
    :param fold: what is folded in.
    """

    source: StoredTensor
    dtype: str
    fold: Fold | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return self.source.shape

    @property
    def size(self) -> int:
        """Its bytes."""
        return self.source.count * FLOATS[self.dtype].itemsize if self.dtype in FLOATS else self.source.size


@dataclass(frozen=True)
class Plan:
    """The merged model.

    :param shards: for each file, its tensors by name, in order.
    :param config: what changes in the base model's config.
    """

    shards: Mapping[str, Mapping[str, MergedTensor]]
    config: Mapping[str, Any]

    @property
    def size(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.size for shard in self.shards.values() for tensor in shard.values())


def plan_merge(base: Checkpoint, changes: Mapping[str, Change], dtype: str | None) -> Plan:
    """Decide what to write.

    :param changes: by the names that tensors have in the model.
    :param dtype: the type to store all floating-point tensors in, such as `float16`; None keeps each one's own.
    :raises UnknownAdapter: when a change cannot be matched to the base model's tensors.
    """
    stored = base.tensors
    names = {name: stored_name(name, stored) for name in changes}
    found = {other: changes[name] for name, other in names.items() if other is not None}
    lost = {name: changes[name] for name, other in names.items() if other is None}
    if len(found) + len(lost) < len(changes):
        raise UnknownAdapter("several of its parts are for one of the base model's tensors")
    added = _untied(base, found, lost)
    shards = {
        file: {
            name: _merged(name, tensor, found.get(name), dtype)
            for name, tensor in (
                *shard.items(),
                *((name, added[name]) for name in added if _belongs(added, file, base)),
            )
        }
        for file, shard in base.shards.items()
    }
    _refuse_half_resized(shards)
    return Plan(shards, dict(_config_changes(base, found, bool(added), dtype)))


def _belongs(added: Mapping[str, StoredTensor], file: str, base: Checkpoint) -> bool:
    """An output embedding of its own goes where most models have it: into the last file."""
    return bool(added) and file == list(base.shards)[-1]


def _untied(base: Checkpoint, found: dict[str, Change], lost: Mapping[str, Change]) -> dict[str, StoredTensor]:
    """The output embedding to add where the adapter parts it from the input embedding; its change goes into `found`.

    A layer that is adapted has a weight of its own from then on; only an embedding that was resized, and so saved
    whole beside the adapter, stays shared.
    """
    tensors = base.tensors
    entry = next((name for name in tensors if name.endswith(INPUT_EMBEDDINGS)), None)
    exits = [name for name in lost if name.endswith(OUTPUT_EMBEDDINGS)]
    if unmatched := sorted(set(lost) - set(exits)):
        if "quantization_config" in base.config:
            raise MergeError(
                f"the base model's {unmatched[0]} is stored quantised; name the unquantised model as base_model"
            )
        raise UnknownAdapter(f"the base model's files have no {unmatched[0]}")
    touched = [found.get(entry) if entry else None, *(lost[name] for name in exits)]
    if entry is None or not any(change and change.is_copy for change in touched):
        return {}
    if any(name.endswith(OUTPUT_EMBEDDINGS) for name in tensors):
        if base.is_tied:
            raise UnknownAdapter("its embeddings are shared, though the base model's files hold both")
        return {}
    name = exits[0] if exits else OUTPUT_EMBEDDINGS[0]
    shared = found[entry].replacement if entry in found and not _is_own(found[entry]) else None
    added = TEXT_PART + name if entry.startswith(TEXT_PART) else name
    found[added] = lost.get(name, Change(shared))
    return {added: tensors[entry]}


def _is_own(change: Change) -> bool:
    return change.is_copy and change.fold is None


def _merged(name: str, stored: StoredTensor, change: Change | None, dtype: str | None) -> MergedTensor:
    wanted = TYPES[dtype] if dtype and stored.dtype in FLOATS else stored.dtype
    if change is None:
        return MergedTensor(stored, wanted)
    if stored.dtype not in FLOATS:
        raise MergeError(
            f"the base model's {name} is stored quantised ({stored.dtype}); name the unquantised model as base_model"
        )
    source = change.replacement or stored
    fold = change.fold.fitted(source.shape) if change.fold else None
    if change.fold is not None and fold is None:
        raise UnknownAdapter(f"its part for {name} does not have the shape {source.shape}")
    return MergedTensor(source, wanted, fold)


def _refuse_half_resized(shards: Mapping[str, Mapping[str, MergedTensor]]) -> None:
    embeddings = {
        name: tensor.shape[0]
        for shard in shards.values()
        for name, tensor in shard.items()
        if name.endswith((*INPUT_EMBEDDINGS, *OUTPUT_EMBEDDINGS))
    }
    if len(set(embeddings.values())) > 1:
        sizes = ", ".join(f"{name} {rows}" for name, rows in embeddings.items())
        raise MergeError(f"the adapter resized only one of the embeddings ({sizes} tokens); save both with it")


def _config_changes(
    base: Checkpoint, found: Mapping[str, Change], untied: bool, dtype: str | None
) -> Iterator[tuple[str, Any]]:
    if untied:
        yield "tie_word_embeddings", False
    if dtype is not None:
        yield "torch_dtype" if "torch_dtype" in base.config else "dtype", dtype
    for name, change in found.items():
        if name.endswith(INPUT_EMBEDDINGS) and change.replacement is not None:
            yield "vocab_size", change.replacement.shape[0]
