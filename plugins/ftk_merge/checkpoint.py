"""The shards of a model's folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftk.files import read_json
from ftk_merge.command import MergeError
from ftk_merge.tensors import StoredTensor, read_header

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """A model's weights and config.

    :param shards: for each file, its tensors by name, in the order in which they lie there.
    :param config: the content of `config.json`.
    """

    folder: Path
    shards: Mapping[str, Mapping[str, StoredTensor]]
    config: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path) -> "Checkpoint":
        """The checkpoint in a folder.

        :raises MergeError: when there are no safetensors.
        """
        index = read_json(folder / INDEX)
        names = sorted(set(index["weight_map"].values())) if index else [SINGLE]
        if not (folder / names[0]).exists():
            raise MergeError(f"{folder} holds no {names[0]}: its weights are no safetensors")
        shards = {name: read_header(folder / name) for name in names}
        return cls(folder, shards, read_json(folder / "config.json") or {})

    @property
    def tensors(self) -> dict[str, StoredTensor]:
        """All tensors by name."""
        return {name: tensor for shard in self.shards.values() for name, tensor in shard.items()}

    @property
    def is_tied(self) -> bool:
        """Whether the config says that the output embedding is the input embedding."""
        return bool(self.config.get("tie_word_embeddings", False))
