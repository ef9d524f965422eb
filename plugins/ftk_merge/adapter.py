"""An adapter as peft saves it, read as changes of its base model's tensors."""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftk.files import read_json
from ftk_merge.command import MergeError
from ftk_merge.low_rank import Fold, LowRank, Shift
from ftk_merge.tensors import StoredTensor, read_header

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"

PICKLED = "adapter_model.bin"
"""What peft named the weights before, and still reads."""

UNDERSTOOD = {
    *("peft_type", "task_type", "auto_mapping", "base_model_name_or_path", "revision", "inference_mode"),
    *("peft_version", "r", "lora_alpha", "rank_pattern", "alpha_pattern", "lora_dropout", "use_rslora", "use_dora"),
    *("target_modules", "exclude_modules", "layers_to_transform", "layers_pattern", "modules_to_save"),
    *("fan_in_fan_out", "bias", "lora_bias", "init_lora_weights", "megatron_core", "qalora_group_size"),
    *("runtime_config", "eva_config", "loftq_config"),
}
"""Settings that this merge obeys, or that say only how an adapter was begun. Others go to peft, if they are on."""

HARMLESS_BEGINNINGS = (True, False, None, "gaussian", "eva", "orthogonal")
"""Values of `init_lora_weights` that leave the base model's weights as they are."""

PREFIX = "base_model.model."

PART = re.compile(
    r"(?P<module>.+)\.(?P<part>lora_(?:embedding_)?[AB]|lora_magnitude_vector)(?:\.default)?(?:\.(?P<kind>weight|bias))?"
)
"""The name of a part of an adapted layer; peft's versions differ in the endings."""

WRAPPING = re.compile(r"\.(modules_to_save(\.default)?|base_layer)(?=\.)")
"""What peft puts between the name of a module that it wraps and that of its weight."""


class UnknownAdapter(Exception):
    """Only peft can merge this adapter; the message says why."""


@dataclass(frozen=True)
class Change:
    """What an adapter does to one tensor.

    :param replacement: takes the tensor's place, before anything is folded in.
    :param fold: is folded in.
    :param is_copy: whether the layer got a weight of its own for it, also where it shared one before.
    """

    replacement: StoredTensor | None = None
    fold: Fold | None = None
    is_copy: bool = True


def read_changes(folder: Path) -> dict[str, Change]:
    """The changes that the adapter in a folder makes, by the names that the tensors have in the model.

    :raises UnknownAdapter: when there is anything in it that this module does not know.
    :raises MergeError: when it is no adapter, or one without weights.
    """
    config = read_json(folder / CONFIG)
    if config is None:
        raise MergeError(f"{folder} holds no {CONFIG}: it is no adapter")
    if not any((folder / name).exists() for name in (WEIGHTS, PICKLED)):
        raise MergeError(f"{folder} holds no {WEIGHTS}: the adapter's weights are gone")
    _refuse_unknown(folder, config)
    parts: dict[str, dict[str, StoredTensor]] = defaultdict(dict)
    changes: dict[str, Change] = {}
    for key, tensor in read_header(folder / WEIGHTS).items():
        name = key.removeprefix(PREFIX)
        if found := PART.fullmatch(name):
            kind = "_bias" if found["kind"] == "bias" else ""
            parts[found["module"]][found["part"] + kind] = tensor
        elif "lora_" in name or "token_adapter" in name:
            raise UnknownAdapter(f"it holds {name}")
        elif ".original_module." not in name:
            changes[WRAPPING.sub("", name)] = Change(tensor, is_copy=_is_saved(name, config))
    for module, found_parts in parts.items():
        for name, fold in _folds(module, found_parts, config).items():
            changes[name] = Change(changes[name].replacement if name in changes else None, fold)
    return changes


def _refuse_unknown(folder: Path, config: Mapping[str, Any]) -> None:
    if config.get("peft_type") != "LORA":
        raise UnknownAdapter(f"its kind is {config.get('peft_type')}")
    if config.get("init_lora_weights") not in HARMLESS_BEGINNINGS:
        raise UnknownAdapter(f"init_lora_weights {config['init_lora_weights']!r} changes the base model's weights")
    if unknown := sorted(key for key, value in config.items() if value and key not in UNDERSTOOD):
        raise UnknownAdapter(f"it uses {', '.join(unknown)}")
    if not (folder / WEIGHTS).exists():
        raise UnknownAdapter(f"it has no {WEIGHTS}")


def _is_saved(name: str, config: Mapping[str, Any]) -> bool:
    """Whether a tensor belongs to a module that was trained as a whole, in a copy."""
    module = WRAPPING.sub("", name).rpartition(".")[0]
    return any(module == saved or module.endswith(f".{saved}") for saved in config.get("modules_to_save") or ())


def _folds(module: str, parts: Mapping[str, StoredTensor], config: Mapping[str, Any]) -> dict[str, Fold]:
    embedding = "lora_embedding_A" in parts
    a, b = (parts.get(f"lora_{'embedding_' if embedding else ''}{factor}") for factor in "AB")
    if a is None or b is None:
        raise UnknownAdapter(f"of {module} it holds only {', '.join(parts)}")
    if len(a.shape) != 2:
        raise UnknownAdapter(f"{module} is a convolution")
    scaling = _scaling(module, config)
    transposed = embedding or bool(config.get("fan_in_fan_out"))
    folds: dict[str, Fold] = {
        f"{module}.weight": LowRank(a, b, scaling, transposed, parts.get("lora_magnitude_vector"))
    }
    if bias := parts.get("lora_B_bias"):
        folds[f"{module}.bias"] = Shift(bias, scaling)
    return folds


def _scaling(module: str, config: Mapping[str, Any]) -> float:
    rank = _of_pattern(module, config.get("rank_pattern"), config["r"])
    alpha = _of_pattern(module, config.get("alpha_pattern"), config["lora_alpha"])
    return float(alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank)


def _of_pattern(module: str, patterns: Mapping[str, int] | None, default: int) -> int:
    """The value of the first pattern that the end of a module's name matches."""
    items: Iterable[tuple[str, int]] = (patterns or {}).items()
    return next((value for pattern, value in items if re.match(rf"(.*\.)?({pattern})$", module)), default)
