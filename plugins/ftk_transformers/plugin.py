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
    Losses,
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
    refuse_settings,
    stage,
)
from ftk_transformers import diagnosis
from ftk_transformers.advice import ADVICE
from ftk_transformers.checks import find_missing_gpu, find_problems
from ftk_transformers.keys import SETTINGS, TRAINING_KEYS
from ftk_transformers.serve import KEY_VARIABLE, NO_ADAPTER

NAME = "transformers"
"""This plugin, as configs name it."""

ENVIRONMENT = Environment(
    NAME,
    ("torch", "transformers", "peft", "accelerate"),
    '`pip install "finetune-kit[transformers]"` brings them (from a checkout: `pip install -e ".[transformers]"`)',
)

RESULT_FILE = "trained.json"

OPTIONS = {
    "dtype": "--dtype",
    "max_model_len": "--max-model-len",
    "max_concurrency": "--max-concurrency",
    "max_request_bytes": "--max-request-bytes",
}
"""Of the server, by the settings of `ftk.serve`."""


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
def score(run: Run, model: Model, rows: Artifact, output: Artifact) -> Losses:
    """Compute the losses of rows in batches."""
    _execute(run, "score", model.folder, run.tokenizer(), model.adapter or NO_ADAPTER, rows, output)
    return Losses(output)


@stage(revision=1, environment=ENVIRONMENT.name, default=True)
def serve(run: Run, models: Sequence[Served]) -> Endpoint:
    """The OpenAI-compatible application that transformers ships with, behind a guard."""
    refuse_settings(run.config, NAME, "gpu_memory", "arguments")
    settings = {name: run.config.ftk["serve"][name] for name in OPTIONS}
    options = [part for name, value in settings.items() if value for part in (OPTIONS[name], str(value))]
    named = [part for item in models for part in (item.name, item.model.folder, item.model.adapter or NO_ADAPTER)]
    address = ("--host", HOST, "--port", PORT, "--tokenizer", run.tokenizer())
    argv = (PYTHON, "-m", "ftk_transformers.serve", *address, *options, *named)
    return Endpoint(Command(argv, ENVIRONMENT.name), key_variable=KEY_VARIABLE)


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
