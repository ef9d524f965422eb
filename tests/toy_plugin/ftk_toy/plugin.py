"""The hooks of the toy engine."""

from collections.abc import Sequence

from ftk.plugin import (
    HOST,
    OUTPUT_DIR,
    PORT,
    PYTHON,
    Artifact,
    Command,
    Completions,
    Endpoint,
    Environment,
    Losses,
    MergedModel,
    Model,
    PreparedModel,
    Resources,
    Run,
    Schema,
    Served,
    StagedData,
    TrainedModel,
    files,
    hookimpl,
    refuse_settings,
    stage,
)
from ftk_toy import model as toy_model

ENVIRONMENT = Environment("toy", ("ftk_toy",), "put the folder of ftk_toy on PYTHONPATH")

# What decides the result of a training; ftk checks a config against it, and trains anew when one of them changes.
KEYS: dict[str, Schema] = {
    "max_steps": {"type": "integer", "minimum": 1, "default": 6},
    "seed": {"type": "integer", "minimum": 0, "default": 42},
    "lora_model_dir": {"type": ["string", "null"], "default": None, "description": "what was learned before"},
    "output_dir": OUTPUT_DIR,
}

# What a training reads too, but that leaves its result as it is.
SETTINGS: dict[str, Schema] = {
    "save_steps": {"type": "integer", "minimum": 1, "default": 2},
    "toy_step_seconds": {"type": "number", "minimum": 0, "default": 0, "description": "how long a step takes"},
}


@stage(revision=1, keys={})
def prepare_model(run: Run) -> PreparedModel:
    """Write the only model that there is; `base_model` may say anything."""
    folder = run.tokenizer()
    size = sum(item.stat().st_size for item in run.path(folder).iterdir())
    return PreparedModel(folder, files.sha256(run.path(folder)), size)


@hookimpl
def prepare_tokenizer(run: Run) -> Artifact:
    """The model's folder, since it holds the tokenizer too."""
    return run.cached("models", {"toy": 1}, lambda folder: toy_model.write(run.path(folder)))


@stage(revision=1, keys=KEYS, settings=SETTINGS, environment=ENVIRONMENT.name)
def train(run: Run, data: StagedData, model: PreparedModel) -> TrainedModel:
    """Train; a training that was cut short goes on from its newest checkpoint."""
    _execute(run, "train", run.root, data.folder, run.training_folder)
    result = files.read_json(run.path(run.training_folder / "trained.json"))
    return TrainedModel(
        run.training_folder, is_adapter=True, steps=result["steps"], train_loss=result["loss"], eval_loss=None
    )


@stage(revision=1, keys={"output_dir": OUTPUT_DIR}, environment=ENVIRONMENT.name)
def merge(run: Run, model: PreparedModel, trained: TrainedModel) -> MergedModel:
    """Put what was learned beside the model's own files."""
    _execute(run, "merge", model.folder, trained.folder, run.merged_folder)
    return MergedModel(run.merged_folder)


@stage(revision=1, environment=ENVIRONMENT.name)
def generate(run: Run, model: Model, prompts: Artifact, output: Artifact) -> Completions:
    """Answer with what was learned, or with the length of the prompt."""
    _execute(run, "generate", model.folder, model.adapter or model.folder, prompts, output)
    return Completions(output)


@stage(revision=1, environment=ENVIRONMENT.name)
def score(run: Run, model: Model, rows: Artifact, output: Artifact) -> Losses:
    """Expect what was learned, and nothing else."""
    _execute(run, "score", model.folder, model.adapter or model.folder, rows, output)
    return Losses(output)


@stage(revision=1, environment=ENVIRONMENT.name)
def serve(run: Run, models: Sequence[Served]) -> Endpoint:
    """Serve what was learned, or the base model, which has learned nothing."""
    refuse_settings(run.config, "toy", "dtype", "max_model_len", "gpu_memory", "max_concurrency", "max_request_bytes")
    name, model = models[0].name, models[0].model
    folders = (model.folder, model.adapter or model.folder)
    argv = (PYTHON, "-m", "ftk_toy.server", HOST, PORT, name, *folders, *run.config.ftk["serve"]["arguments"])
    return Endpoint(Command(argv, ENVIRONMENT.name), key_variable="TOY_KEY", key_arguments=("--guarded",))


@hookimpl
def environment(name: str) -> Environment | None:
    """The environment of all commands of this engine."""
    return ENVIRONMENT if name == ENVIRONMENT.name else None


def _execute(run: Run, command: str, *arguments: Artifact) -> None:
    argv = (PYTHON, "-m", "ftk_toy", command, *arguments)
    run.execute(Command(argv, ENVIRONMENT.name, Resources(run.config.timeout)))
