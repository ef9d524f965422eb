"""The hook `score` by axolotl's own evaluation: `ftk: {stages: {score: axolotl}}`."""

import json
from typing import Any

from ftk.plugin import Artifact, Command, Config, FtkError, Losses, Model, Resources, Run, files
from ftk_axolotl import launch
from ftk_axolotl.cpu import adapted
from ftk_axolotl.keys import passed_on
from ftk_axolotl.training import ENGINE_SIDE

FILE, ROWS, FIRST = "axolotl.yml", "rows.jsonl", "first.jsonl"

MODULE = "axolotl.cli.evaluate"

PLUGIN = "ftk_scores_in_axolotl.Plugin"

COMPUTING = (
    "bf16",
    "fp16",
    "tf32",
    "attn_implementation",
    "flash_attention",
    "sdp_attention",
    "eager_attention",
    "xformers_attention",
    "flex_attention",
    "model_type",
    "type_of_model",
    "tokenizer_type",
    "trust_remote_code",
    "overrides_of_model_config",
    "resize_token_embeddings_to_32x",
)
"""The keys of a training by which its model is read and computed."""


def score(run: Run, model: Model, rows: Artifact, output: Artifact, environment: str) -> Losses:
    """Have axolotl evaluate the rows one by one.

    :param environment: the name of the one with axolotl.
    """
    work, accelerator = Artifact(output.root, f"{output.path}.work"), run.accelerator()
    count, longest = _write_rows(run, rows, work)
    config = _engine_config(run.config, work, longest, model.adapter is not None)
    config |= adapted(config) if accelerator.kind == "cpu" else {}
    files.write_text(run.path(work / FILE), Config(config).dump())
    places: tuple[str | Artifact, ...] = ("--base_model", model.folder, "--tokenizer_config", run.tokenizer())
    adapter = ("--lora_model_dir", model.adapter) if model.adapter else ()
    variables = launch.variables(run.config, 1, accelerator.kind == "cpu")
    run.execute(
        Command(
            launch.argv(None, 1, accelerator.count, (work / FILE, *places, *adapter), MODULE),
            environment,
            Resources(run.config.timeout),
            variables={**variables, "FTK_SCORES": output, "PYTHONPATH": run.ship(*ENGINE_SIDE)},
        )
    )
    files.remove(run.path(work))
    found = len(run.path(output).read_text(encoding="utf-8").splitlines())
    if found != count:
        raise FtkError(
            f"axolotl has evaluated {found} of {count} rows", "let another plugin provide `ftk.stages.score`"
        )
    return Losses(output)


def _write_rows(run: Run, rows: Artifact, work: Artifact) -> tuple[int, int]:
    """Write the rows as axolotl takes them, and the first one again, since it wants some to train on too.

    :returns: how many rows there are, and the tokens of the longest.
    """
    found = files.read_json_lines(run.path(rows))
    lines = [json.dumps({**row, "attention_mask": [1] * len(row["input_ids"])}) + "\n" for row in found]
    files.write_text(run.path(work / ROWS), "".join(lines))
    files.write_text(run.path(work / FIRST), lines[0])
    return len(found), max(len(row["input_ids"]) for row in found)


def _engine_config(config: Config, work: Artifact, longest: int, has_adapter: bool) -> dict[str, Any]:
    """What axolotl reads: the rows as they are, in their order, each on its own.

    :param work: the folder of this evaluation.
    :param longest: the tokens of the longest row.
    :param has_adapter: whether the model is a base with an adapter on it.
    """
    computing = {key: value for key, value in passed_on(config).items() if key in COMPUTING}
    return {
        **computing,
        "base_model": config["base_model"],
        **({"adapter": "lora"} if has_adapter else {}),
        "datasets": [_dataset(work / FIRST)],
        "test_datasets": [_dataset(work / ROWS)],
        "val_set_size": 0,
        "shuffle_merged_datasets": False,
        "sequence_len": longest,
        "min_sample_len": 1,
        "micro_batch_size": 1,
        "eval_batch_size": 1,
        "learning_rate": 0,  # needed by axolotl, which trains nothing here
        "dataset_prepared_path": (work / "prepared").path,
        "output_dir": (work / "out").path,
        "plugins": [PLUGIN],
    }


def _dataset(file: Artifact) -> dict[str, Any]:
    return {"path": file.path, "ds_type": "json", "split": "train"}
