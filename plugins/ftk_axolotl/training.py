"""The stage `train`: axolotl is told what to read, started, and its result taken over."""

from pathlib import Path
from typing import Any

from ftk.plugin import Command, PreparedModel, Resources, Run, StagedData, TrainedModel, files
from ftk_axolotl import launch
from ftk_axolotl.checkpoints import remove_torn_checkpoints
from ftk_axolotl.engine_config import FILE, write_engine_config
from ftk_axolotl.prepared import Prepared

ENGINE_SIDE = tuple(sorted((Path(__file__).parent / "engine").glob("*.py")))
"""What axolotl's interpreter is given of ftk's."""

RESULT = "trained.json"
"""Written last by `ftk_in_axolotl`, in the training folder."""

ADAPTER = "adapter_config.json"


def train(run: Run, data: StagedData, model: PreparedModel, environment: str) -> TrainedModel:
    """Train with axolotl, from the newest whole checkpoint if there is one.

    :param environment: the name of the one with axolotl.
    """
    output = run.path(run.training_folder)
    if not (output / RESULT).exists():
        resumes = remove_torn_checkpoints(output, run.notice)
        prepared = Prepared(run, data)
        prepared.bring()
        write_engine_config(run, data, run.accelerator().kind == "cpu", resumes)
        run.execute(_command(run, model, environment))
        prepared.keep()
    _make_portable(run, output)
    result = files.read_json(output / RESULT)
    return TrainedModel(
        folder=run.training_folder,
        is_adapter=(output / ADAPTER).exists(),
        steps=result["steps"],
        train_loss=result.get("train_loss"),
        eval_loss=result.get("eval_loss"),
    )


def _command(run: Run, model: PreparedModel, environment: str) -> Command:
    block, accelerator = run.config.ftk["axolotl"], run.accelerator()
    nproc = block["nproc"] or accelerator.count or 1
    arguments = (FILE, "--base_model", model.folder, "--tokenizer_config", run.tokenizer())
    variables = launch.variables(run.config, nproc, accelerator.kind == "cpu")
    return Command(
        launch.argv(block["launcher"], nproc, accelerator.count, arguments),
        environment,
        Resources(run.config.timeout),
        variables={**variables, "PYTHONPATH": run.ship(*ENGINE_SIDE)},
    )


def _make_portable(run: Run, output: Path) -> None:
    """Take this machine out of the result, and put the tokenizer into it that the rows were staged with."""
    for path in run.path(run.tokenizer()).iterdir():
        files.copy_file(path, output / path.name)
    adapter: dict[str, Any] | None = files.read_json(output / ADAPTER)
    if adapter:
        adapter["base_model_name_or_path"] = run.config["base_model"]
        if isinstance(adapter["target_modules"], list):
            adapter["target_modules"].sort()  # peft writes a set, in any order
        files.write_json(output / ADAPTER, adapter)
