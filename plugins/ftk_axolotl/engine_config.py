"""The axolotl.yml of a run: the person's config, with the documented keys rewritten."""

import json
from collections.abc import Mapping
from typing import Any

from ftk.plugin import Config, FtkError, Run, StagedData, files
from ftk_axolotl import deepspeed
from ftk_axolotl.cpu import adapted
from ftk_axolotl.keys import passed_on
from ftk_axolotl.prepared import Prepared
from ftk_axolotl.raw import is_raw, raw_keys

FILE = "axolotl.yml"

PLUGIN = "ftk_in_axolotl.Plugin"


def write_engine_config(run: Run, data: StagedData, on_cpu: bool, resumes: bool) -> None:
    """Write what axolotl reads, and tell what a CPU needs otherwise.

    :param data: the staged rows.
    :param on_cpu: whether there is no GPU.
    :param resumes: whether the run has a checkpoint to go on from.
    """
    config = passed_on(run.config) | _data_keys(run, data)
    if resumes:
        config.pop("resume_from_checkpoint", None)  # axolotl would begin there again
    if config.get("deepspeed"):
        config["deepspeed"] = deepspeed.content_of(config["deepspeed"])
    changes = adapted(config) if on_cpu else {}
    config |= changes
    if changes:
        run.notice(f"axolotl is adapted to this CPU: {_told(changes)}")
    if config.get("deepspeed"):
        files.write_json(run.folder / deepspeed.FILE, config["deepspeed"])
        config["deepspeed"] = deepspeed.FILE
    config["plugins"] = [*(config.get("plugins") or []), PLUGIN]
    config["auto_resume_from_checkpoints"] = True
    files.write_text(run.folder / FILE, Config(config).dump())


def _data_keys(run: Run, data: StagedData) -> dict[str, Any]:
    prepared = {"dataset_prepared_path": Prepared(run, data).folder.path}
    if is_raw(run.config):
        return {**raw_keys(run.config), **prepared}
    keys = {"datasets": [_dataset(data, data.TRAIN)], "val_set_size": 0, **prepared}
    if data.eval_rows:
        keys["test_datasets"] = [_dataset(data, data.EVAL)]
    return keys


def _dataset(data: StagedData, name: str) -> dict[str, Any]:
    """A file of staged rows, whose path is relative to the run, where axolotl works.

    It has no `type`: axolotl takes such rows as they are, token ids and labels, or the texts of preferences.
    """
    if data.folder.root != "run":
        raise FtkError("the staged data lie outside the run", "a bug of the plugin that provides stage_data")
    return {"path": f"{data.folder.path}/{name}", "ds_type": "parquet", "split": "train"}


def _told(changes: Mapping[str, Any]) -> str:
    """The changes as a person writes them in a config."""
    return ", ".join(f"{key}: {json.dumps(value)}" for key, value in changes.items() if key != "deepspeed")
