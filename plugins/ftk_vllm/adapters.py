"""What vLLM is told of adapters, and which of them it cannot put on a base model."""

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ftk.plugin import FtkError, files

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""For which vLLM makes room (`MaxLoRARanks` in its `config/lora.py`)."""

PARTS = (".lora_A.weight", ".lora_B.weight", ".lora_embedding_A", ".lora_embedding_B", ".base_layer.weight")
"""How the tensors of plain LoRA end; peft writes the weights of the base layer beside embeddings."""

REFUSED = ("use_dora", "alora_invocation_tokens", "layer_replication", "use_bdlora", "use_qalora")
"""Keys of an adapter's config that change what it means, and that vLLM does not follow."""

INITIALISATIONS = ("gaussian", "eva", "orthogonal", "mica", "lora_ga")
"""Those by name that leave the base model as it is."""


def room_for(folders: Sequence[Path]) -> int:
    """The rank for which vLLM has to make room.

    :param folders: of adapters that are not refused.
    """
    highest = max(_rank(_config(folder)) for folder in folders)
    return next(rank for rank in RANKS if highest <= rank)


def refuse_adapter(name: str, folder: Path) -> None:
    """Stop at an adapter that vLLM would refuse, or worse, serve in part.

    :param name: the adapter's, for the message.
    :raises FtkError: saying to merge it.
    """
    if found := _find_unserved(folder):
        remedy = f"merge it and serve the whole model: `ftk merge {name}`, then `ftk serve {name}`"
        raise FtkError(f"vLLM cannot serve the adapter of {name} beside its base model: {found}", remedy)


def _find_unserved(folder: Path) -> str | None:
    config = _config(folder)
    if (kind := config.get("peft_type")) != "LORA":
        return f"it is {kind}, not LoRA"
    if found := [key for key in REFUSED if config.get(key)]:
        return f"it has {found[0]}"
    if (rank := _rank(config)) > RANKS[-1]:
        return f"its rank {rank} is above {RANKS[-1]}"
    start = config.get("init_lora_weights")
    if isinstance(start, str) and start.lower() not in INITIALISATIONS:
        return f"init_lora_weights: {start} has changed the base model"
    if others := [name for name in _tensors(folder) if not name.endswith(PARTS)]:
        return f"it holds more than LoRA's matrices ({others[0].removeprefix('base_model.model.')})"
    return None


def _rank(config: Mapping[str, Any]) -> int:
    ranks: list[int] = [config["r"], *(config.get("rank_pattern") or {}).values()]
    return max(ranks)


def _config(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] | None = files.read_json(folder / CONFIG)
    if found is None:
        raise FtkError(f"{folder / CONFIG} is missing", "train the run again: `ftk run --resume RUN --from train`")
    return found


def _tensors(folder: Path) -> list[str]:
    """The names in a safetensors file, whose header is JSON after its length in eight bytes."""
    try:
        with (folder / WEIGHTS).open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            return sorted(name for name in json.loads(stream.read(length)) if name != "__metadata__")
    except (OSError, ValueError, struct.error) as error:
        message = f"{folder / WEIGHTS} cannot be read: {error}"
        raise FtkError(message, "train the run again: `ftk run --resume RUN --from train`") from None
