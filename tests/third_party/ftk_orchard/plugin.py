"""The hooks of the plugin `orchard`."""

from collections.abc import Sequence
from pathlib import Path

from ftk.plugin import (
    OUTPUT_DIR,
    PYTHON,
    Artifact,
    Command,
    Completions,
    DatasetFormat,
    Environment,
    FetchedModel,
    Logger,
    MergedModel,
    Model,
    PreparedModel,
    Run,
    Schema,
    StagedData,
    TrainedModel,
    files,
    hookimpl,
    stage,
)
from ftk.testing.tiny_model import write_tiny_model
from ftk_orchard.format import FableFormat
from ftk_orchard.logger import BasketLogger

HERE = Path(__file__).parent

ENVIRONMENT = Environment("orchard", ("pyarrow", "tokenizers"), locks={"cpu": HERE / "locks/cpu.txt"})

SCHEME = "orchard://"

KEYS: dict[str, Schema] = {
    "output_dir": OUTPUT_DIR,
    "max_steps": {"type": "integer", "minimum": 1, "default": 8, "description": "passes over the rows"},
}


@hookimpl
def dataset_formats() -> Sequence[DatasetFormat]:
    """Fables."""
    return [FableFormat()]


@hookimpl
def loggers() -> Sequence[Logger]:
    """The basket."""
    return [BasketLogger()]


@hookimpl
def fetch_model(run: Run, ref: str, tokenizer_only: bool) -> FetchedModel | None:
    """A tiny model, whatever is named after `orchard://`."""
    if not ref.startswith(SCHEME):
        return None
    folder = run.cached("orchard", {"name": ref}, lambda target: _grow(run.path(target)))
    return FetchedModel(folder, files.sha256(run.path(folder)))


def _grow(folder: Path) -> None:
    write_tiny_model(folder)


@hookimpl
def environment(name: str) -> Environment | None:
    """The interpreter of the trainer."""
    return ENVIRONMENT if name == ENVIRONMENT.name else None


@stage(revision=1, keys=KEYS, environment=ENVIRONMENT.name)
def train(run: Run, data: StagedData, model: PreparedModel) -> TrainedModel:
    """Count which token follows which."""
    _execute(run, "train", data.folder, run.training_folder, str(run.config["max_steps"]))
    result = files.read_json(run.path(run.training_folder / "bigrams.json"))
    return TrainedModel(run.training_folder, True, result["step"], result["loss"], None)


@stage(revision=1, keys={"output_dir": OUTPUT_DIR}, environment=ENVIRONMENT.name)
def merge(run: Run, model: PreparedModel, trained: TrainedModel) -> MergedModel:
    """Put the counts beside the base model's files."""
    _execute(run, "merge", model.folder, trained.folder, run.merged_folder)
    return MergedModel(run.merged_folder)


@stage(revision=1, environment=ENVIRONMENT.name)
def generate(run: Run, model: Model, prompts: Artifact, output: Artifact) -> Completions:
    """Follow the counts."""
    _execute(run, "generate", model.folder, model.adapter or model.folder, prompts, output)
    return Completions(output)


def _execute(run: Run, *arguments: str | Artifact) -> None:
    shipped = run.ship(HERE / "bigrams.py")
    argv = (PYTHON, shipped / "bigrams.py", *arguments)
    run.execute(Command(argv, ENVIRONMENT.name, variables={"PYTHONPATH": shipped}))
