"""The hooks of the boxed merge."""

from pathlib import Path

from ftk.plugin import (
    OUTPUT_DIR,
    PYTHON,
    Command,
    Environment,
    MergedModel,
    PreparedModel,
    Run,
    TrainedModel,
    hookimpl,
    stage,
)

HERE = Path(__file__).parent

ENVIRONMENT = Environment(
    "boxed",
    modules=("tiny_box",),
    remedy="`ftk env build boxed` makes it",
    locks={"cpu": HERE / "locks" / "any.txt", "cuda": HERE / "locks" / "any.txt"},
)


@stage(revision=1, keys={"output_dir": OUTPUT_DIR}, environment=ENVIRONMENT.name)
def merge(run: Run, model: PreparedModel, trained: TrainedModel) -> MergedModel:
    """Let the boxed packages write the model."""
    shipped = run.ship(HERE / "engine" / "boxed_merge.py")
    argv = (PYTHON, "-m", "boxed_merge", run.merged_folder)
    run.execute(Command(argv, ENVIRONMENT.name, variables={"PYTHONPATH": shipped}))
    return MergedModel(run.merged_folder)


@hookimpl
def environment(name: str) -> Environment | None:
    """The environment of the boxed packages."""
    return ENVIRONMENT if name == ENVIRONMENT.name else None
