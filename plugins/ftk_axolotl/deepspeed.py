"""DeepSpeed configs: ftk's own by name, the paths that people's configs have, and a person's own, checked."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

from ftk.plugin import Config, Problem, Schema, find_problems
from ftk_axolotl.deepspeed_keys import find_differences

FILE = "deepspeed.json"

_PRESETS = Path(__file__).with_name("presets")

_AUTO_FLAG: Schema = {"enum": ["auto", True, False]}
_AUTO_NUMBER: Schema = {
    "type": ["number", "string"],
    "pattern": "^auto$",
    "minimum": 0,
    "description": 'a number or "auto"',
}
_AUTO_COUNT: Schema = {**_AUTO_NUMBER, "type": ["integer", "string"], "description": 'a whole number or "auto"'}
_FLAG: Schema = {"type": "boolean"}
_OFFLOAD: Schema = {
    "type": "object",
    "properties": {"device": {"enum": ["cpu", "nvme", "none"]}, "pin_memory": _FLAG, "nvme_path": {"type": "string"}},
}

SCHEMA: Schema = {
    "type": "object",
    "properties": {
        "zero_optimization": {
            "type": "object",
            "properties": {
                "stage": {"enum": [0, 1, 2, 3]},
                "offload_optimizer": _OFFLOAD,
                "offload_param": _OFFLOAD,
                "overlap_comm": _FLAG,
                "contiguous_gradients": _FLAG,
                "reduce_bucket_size": _AUTO_COUNT,
                "allgather_bucket_size": _AUTO_COUNT,
                "sub_group_size": _AUTO_COUNT,
                "stage3_prefetch_bucket_size": _AUTO_COUNT,
                "stage3_param_persistence_threshold": _AUTO_COUNT,
                "stage3_max_live_parameters": _AUTO_COUNT,
                "stage3_max_reuse_distance": _AUTO_COUNT,
                "stage3_gather_16bit_weights_on_model_save": _FLAG,
                "gather_16bit_weights_on_model_save": _FLAG,
            },
        },
        "bf16": {"type": "object", "properties": {"enabled": _AUTO_FLAG}},
        "fp16": {
            "type": "object",
            "properties": {
                "enabled": _AUTO_FLAG,
                "auto_cast": _FLAG,
                "loss_scale": {"type": "number", "minimum": 0},
                "initial_scale_power": _AUTO_COUNT,
                "loss_scale_window": _AUTO_COUNT,
                "hysteresis": _AUTO_COUNT,
                "min_loss_scale": {"type": "number", "minimum": 0},
            },
        },
        "gradient_accumulation_steps": _AUTO_COUNT,
        "gradient_clipping": _AUTO_NUMBER,
        "train_batch_size": _AUTO_COUNT,
        "train_micro_batch_size_per_gpu": _AUTO_COUNT,
        "wall_clock_breakdown": _FLAG,
    },
}
"""The part of DeepSpeed's config that is checked; other keys go through, for DeepSpeed to judge."""


def preset_names() -> list[str]:
    """The names of ftk's own configs."""
    return sorted(path.stem for path in _PRESETS.glob("*.json"))


def content_of(value: str | Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The DeepSpeed config that a config's `deepspeed` means.

    :param value: a preset's name; the path of a file of that name, wherever it should lie; or a config itself.
    :returns: None where there is no such preset.
    """
    if isinstance(value, Mapping):
        return value
    path = _PRESETS / f"{PurePath(value).name.removesuffix('.json')}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def in_float32(content: Mapping[str, Any]) -> dict[str, Any]:
    """The config for a training in float32, whatever it says."""
    return {**content, "bf16": {"enabled": False}, "fp16": {"enabled": False}}


def find_deepspeed_problems(config: Config) -> Iterator[Problem]:
    """What is wrong with a config's `deepspeed`, or contradicts the keys beside it."""
    value, place = config.get("deepspeed"), config.place(("deepspeed",))
    if not value:
        return
    content = content_of(value)
    if content is None:
        known = ", ".join(preset_names())
        yield Problem(place, f"there is no DeepSpeed config {value!r}", f"give a JSON file, or one of {known}")
        return
    wrong = list(find_problems(content, SCHEMA, config.place, ("deepspeed",)))
    yield from wrong or (*find_differences(config, content, place), *_find_offload_problems(content, place))


def _find_offload_problems(content: Mapping[str, Any], place: str) -> Iterator[Problem]:
    zero = content.get("zero_optimization", {})
    if zero.get("offload_param", {}).get("device", "none") != "none" and zero.get("stage") != 3:
        yield Problem(place, "offload_param needs ZeRO stage 3", 'set "stage": 3, or remove offload_param')
