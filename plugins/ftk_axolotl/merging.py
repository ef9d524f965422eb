"""The stage `merge` by axolotl itself, for adapters that only it knows: `ftk: {stages: {merge: axolotl}}`."""

from ftk.plugin import PYTHON, Command, FtkError, MergedModel, PreparedModel, Resources, Run, TrainedModel, files
from ftk_axolotl import launch
from ftk_axolotl.engine_config import FILE
from ftk_axolotl.training import ENGINE_SIDE

MODULE = "axolotl.cli.merge_lora"

WORK = "merged-by-axolotl"
"""Where axolotl writes, in the training folder, until the model is whole."""


def merge(run: Run, model: PreparedModel, trained: TrainedModel, environment: str) -> MergedModel:
    """Fold the adapter into the base model with axolotl's own command.

    :param environment: the name of the one with axolotl.
    """
    if not trained.is_adapter:
        return MergedModel(trained.folder)
    if not (run.folder / FILE).exists():
        raise FtkError(
            "axolotl merges what it has trained itself", "choose another provider: `ftk.stages.merge: merge`"
        )
    work = trained.folder / WORK
    files.remove(run.path(work))
    places = ("--base_model", model.folder, "--tokenizer_config", run.tokenizer())
    results = ("--lora_model_dir", trained.folder, "--output_dir", work)
    variables = launch.variables(run.config, 1, run.accelerator().kind == "cpu")
    run.execute(
        Command(
            (PYTHON, "-m", MODULE, FILE, *places, *results),
            environment,
            Resources(run.config.timeout),
            variables={**variables, "PYTHONPATH": run.ship(*ENGINE_SIDE)},
        )
    )
    files.publish_folder(run.path(work / "merged"), run.path(run.merged_folder))
    files.remove(run.path(work))
    return MergedModel(run.merged_folder)
