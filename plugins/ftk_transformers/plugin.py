"""The hooks of the embedded engine: each one is a command in an interpreter with transformers and peft."""

from collections.abc import Mapping, Sequence

from ftk.plugin import (
    HOST,
    PORT,
    PYTHON,
    Advice,
    Artifact,
    Command,
    Completions,
    Config,
    DatasetFormat,
    Diagnosis,
    Endpoint,
    Environment,
    FtkError,
    Model,
    PreparedModel,
    Problem,
    Resources,
    Run,
    Served,
    StagedData,
    TrainedModel,
    files,
    hookimpl,
    stage,
)
from ftk_transformers import diagnosis
from ftk_transformers.advice import ADVICE
from ftk_transformers.checks import find_missing_gpu, find_problems
from ftk_transformers.keys import SETTINGS, TRAINING_KEYS

NAME = "transformers"
"""This plugin, as configs name it."""

ENVIRONMENT = Environment(
    NAME,
    ("torch", "transformers", "peft", "accelerate"),
    '`pip install "finetune-kit[transformers]"` brings them (from a checkout: `pip install -e ".[transformers]"`)',
)

RESULT_FILE = "trained.json"

NO_ADAPTER = "-"


@stage(revision=2, keys=TRAINING_KEYS, settings=SETTINGS, environment=ENVIRONMENT.name, default=True)
def train(run: Run, data: StagedData, model: PreparedModel) -> TrainedModel:
    """Train with transformers and peft; a training that was cut short goes on from its last checkpoint."""
    _execute(run, "train", run.root, data.folder, model.folder, run.tokenizer())
    result = files.read_json(run.path(run.training_folder / RESULT_FILE))
    return TrainedModel(
        folder=run.training_folder,
        is_adapter=result["adapter"],
        steps=result["steps"],
        train_loss=result["train_loss"],
        eval_loss=result["eval_loss"],
    )


@stage(revision=1, environment=ENVIRONMENT.name, default=True)
def generate(run: Run, model: Model, prompts: Artifact, output: Artifact) -> Completions:
    """Complete prompts in batches."""
    _execute(run, "generate", model.folder, run.tokenizer(), model.adapter or NO_ADAPTER, prompts, output)
    return Completions(output)


@stage(revision=1, environment=ENVIRONMENT.name, default=True)
def serve(run: Run, models: Sequence[Served]) -> Endpoint:
    """The OpenAI-compatible server that transformers ships with."""
    model = models[0].model
    if model.adapter is not None:
        raise FtkError("transformers serves whole models only", f"merge first: `ftk run --resume {run.id}`")
    options = ("--host", HOST, "--port", PORT, "--dtype", "float32")
    argv = (PYTHON, "-m", "transformers.cli.transformers", "serve", model.folder, *options)
    return Endpoint(Command(argv, ENVIRONMENT.name, variables={"HF_HUB_OFFLINE": "1"}))


@hookimpl
def environment(name: str) -> Environment | None:
    """The environment of all commands of this engine."""
    return ENVIRONMENT if name == ENVIRONMENT.name else None


@hookimpl
def check(config: Config, formats: Mapping[str, DatasetFormat]) -> Sequence[Problem]:
    """Tell of keys that contradict each other, where this engine trains."""
    return [*find_problems(config), *find_missing_gpu(config)] if config.ftk["engine"] == NAME else []


@hookimpl
def diagnose() -> Sequence[Diagnosis]:
    """Whether the libraries of this engine are here."""
    return list(diagnosis.diagnose(ENVIRONMENT.modules, ENVIRONMENT.remedy))


@hookimpl
def advice() -> Sequence[Advice]:
    """What goes wrong in training and generation."""
    return ADVICE


def _execute(run: Run, module: str, *arguments: str | Artifact) -> None:
    argv = (PYTHON, "-m", f"ftk_transformers.{module}", *arguments)
    run.execute(Command(argv, ENVIRONMENT.name, Resources(run.config.timeout)))
