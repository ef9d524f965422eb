"""The config keys that axolotl reads, and the closed list of those that ftk rewrites for it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ftk.plugin import JSON_FILE, OUTPUT_DIR, Config, Problem, Schema

VERSION = "0.19.0"
"""The axolotl that `keys.json` was made from, by `make_keys.py`, and that the locks install."""

REWRITTEN = (
    "datasets",
    "test_datasets",
    "val_set_size",
    "dataset_prepared_path",
    "plugins",
    "deepspeed",
    "auto_resume_from_checkpoints",
    "resume_from_checkpoint",
)
"""Keys whose values in the run's axolotl.yml are ftk's, beside the loggers' and those of `cpu.py`.

`base_model` and `tokenizer_config` keep their values there: their folders in the cache stand on axolotl's command line.
"""

LOGGERS = ("wandb", "mlflow", "tensorboard")
"""Words in the names of keys that are left out: what they name is sent by ftk's own loggers."""

SETTINGS = ("logging_steps", "save_steps", "saves_per_epoch", "save_total_limit", "dataset_num_proc", "gc_steps")
"""Keys that leave the result of a training as it is."""

FIXED_BY_FSDP: Mapping[str, Schema] = {
    "limit_all_gathers": {"enum": [True, None]},
    "sharding_strategy": {"enum": ["FULL_SHARD", None]},
}
"""Keys of older configs which axolotl no longer reads, with what holds without them."""

RETIRED = {
    "max_packed_sequence_len": "`sequence_len` is what remains of it",
    "rope_scaling": "give it below `overrides_of_model_config`",
    "dpo_use_logits_to_keep": "remove it",
    "dpo_generate_during_eval": "remove it",
    "dpo_norm_loss": "remove it",
    "rpo_alpha": "remove it",
    "s2_attention": "remove it",
    "flash_attn_rms_norm": "remove it",
    "model_revision": "`revision_of_model` is the one by which ftk fetches the model",
}
"""Keys that axolotl knows only to refuse them, or that would come too late, with the remedy."""


def _read() -> dict[str, Schema]:
    every: dict[str, Schema] = json.loads(Path(__file__).with_name("keys.json").read_text(encoding="utf-8"))
    read = {key: schema for key, schema in every.items() if not any(word in key for word in LOGGERS)}
    return {
        **read,
        "deepspeed": {**read["deepspeed"], **JSON_FILE},
        "fsdp_config": _with_prefixes(read["fsdp_config"]),
        "output_dir": OUTPUT_DIR,
    }


def _with_prefixes(fsdp: Schema) -> Schema:
    """The keys of `fsdp_config` with the `fsdp_` before them, too, which axolotl takes away."""
    inner: Mapping[str, Schema] = {**fsdp["properties"], **FIXED_BY_FSDP}
    older = {f"fsdp_{key}": schema for key, schema in inner.items() if not key.startswith("fsdp_")}
    return {**fsdp, "properties": {**inner, **older}}


ALL: Mapping[str, Schema] = _read()
TRAINING_KEYS: Mapping[str, Schema] = {key: schema for key, schema in ALL.items() if key not in SETTINGS}
SETTING_KEYS: Mapping[str, Schema] = {key: ALL[key] for key in SETTINGS}


def passed_on(config: Config) -> dict[str, Any]:
    """The keys of a run's config that are axolotl's; an empty one is to axolotl as if it were absent."""
    known = {"base_model", *ALL}
    return {key: value for key, value in config.values.items() if key in known and value is not None}


def find_retired_keys(config: Config) -> Iterator[Problem]:
    """What axolotl would refuse after minutes, since it is gone."""
    for key, remedy in RETIRED.items():
        if config.get(key):
            yield Problem(config.place((key,)), f"`{key}` is no longer read by axolotl", remedy)


def find_missing_keys(config: Config) -> Iterator[Problem]:
    """What axolotl has no default for."""
    needed = {"learning_rate": "2e-4", **({"lora_r": "16", "lora_alpha": "32"} if config.get("adapter") else {})}
    for key, example in needed.items():
        if config.get(key) is None and not (key.startswith("lora") and config.get("lora_model_dir")):
            place, remedy = config.place((key,)), f"add it, such as `{key}: {example}`"
            yield Problem(place, f"`{key}` is missing, for which axolotl has no default", remedy)
    if config.get("rl") == "kto" and config.get("remove_unused_columns") is not False:
        place = config.place(("remove_unused_columns",))
        yield Problem(place, "axolotl trains KTO on all columns only", "add `remove_unused_columns: false`")
