"""The hooks of axolotl: its training is a command in an interpreter of its own."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ftk.plugin import (
    OUTPUT_DIR,
    Advice,
    Artifact,
    Config,
    DatasetFormat,
    Environment,
    Losses,
    MergedModel,
    Model,
    PreparedModel,
    Problem,
    Run,
    Schema,
    StagedData,
    TrainedModel,
    hookimpl,
    stage,
)
from ftk_axolotl import launch, merging, raw, scoring, training
from ftk_axolotl.advice import ADVICE
from ftk_axolotl.checks import find_contradictions
from ftk_axolotl.deepspeed import find_deepspeed_problems
from ftk_axolotl.keys import SETTING_KEYS, TRAINING_KEYS, find_missing_keys, find_retired_keys

_LOCKS = Path(__file__).with_name("locks")

ENVIRONMENT = Environment(
    "axolotl",
    modules=("axolotl", "deepspeed"),
    remedy="name one that has them, `--set ftk.environments.axolotl=/path/to/python`, or none: ftk builds its own",
    locks={"cpu": _LOCKS / "cpu.txt", "cuda": _LOCKS / "cuda.txt"},
)

ENGINE = "axolotl"


@stage(revision=1, keys=raw.KEYS)
def stage_data(run: Run) -> StagedData:
    """Leave data sets of types that only axolotl knows to axolotl."""
    return raw.stage_raw(run)


@stage(revision=1, keys=TRAINING_KEYS, settings=SETTING_KEYS, environment=ENVIRONMENT.name, default=("cuda",))
def train(run: Run, data: StagedData, model: PreparedModel) -> TrainedModel:
    """Train with axolotl; a training that was cut short goes on from its last whole checkpoint."""
    return training.train(run, data, model, ENVIRONMENT.name)


@stage(revision=1, keys={"output_dir": OUTPUT_DIR}, environment=ENVIRONMENT.name)
def merge(run: Run, model: PreparedModel, trained: TrainedModel) -> MergedModel:
    """Fold the adapter into the base model with axolotl, if it is chosen."""
    return merging.merge(run, model, trained, ENVIRONMENT.name)


@stage(revision=1, environment=ENVIRONMENT.name)
def score(run: Run, model: Model, rows: Artifact, output: Artifact) -> Losses:
    """Compute the losses of rows by axolotl's own evaluation, if it is chosen."""
    return scoring.score(run, model, rows, output, ENVIRONMENT.name)


@hookimpl
def environment(name: str) -> Environment | None:
    """The environment of axolotl."""
    return ENVIRONMENT if name == ENVIRONMENT.name else None


@hookimpl
def config_block() -> dict[str, Schema]:
    """How axolotl is started: `ftk.axolotl`."""
    return {"axolotl": launch.BLOCK}


@hookimpl
def check(config: Config, formats: Mapping[str, DatasetFormat]) -> Sequence[Problem]:
    """What axolotl or DeepSpeed would refuse after minutes."""
    if config.provider("train") != ENGINE:
        return list(raw.find_lost_rows(config))
    return [
        *find_missing_keys(config),
        *find_retired_keys(config),
        *find_contradictions(config),
        *launch.find_launch_problems(config),
        *find_deepspeed_problems(config),
        *raw.find_raw_problems(config, formats),
    ]


@hookimpl
def advice() -> Sequence[Advice]:
    """What goes wrong in axolotl and DeepSpeed."""
    return ADVICE
