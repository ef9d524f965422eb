"""The merge for every engine, and the check that base and adapter answer as before."""

from collections.abc import Sequence
from typing import Any

from ftk.plugin import (
    OUTPUT_DIR,
    PYTHON,
    TOKENIZER,
    Advice,
    Artifact,
    Command,
    Environment,
    FtkError,
    MergedModel,
    PreparedModel,
    Resources,
    Run,
    Schema,
    TrainedModel,
    files,
    hookimpl,
    stage,
)

ENVIRONMENT = Environment(
    "merge",
    ("torch", "safetensors", "numpy"),
    '`pip install "finetune-kit[transformers]"` brings them (from a checkout: `pip install -e ".[transformers]"`)',
)

BLOCK: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "dtype": {
            "enum": [None, "bfloat16", "float16", "float32"],
            "default": None,
            "description": "the type in which the merged weights are stored; empty for the base model's",
        },
        "parity": {
            "enum": [True, False, "warn"],
            "default": True,
            "description": "compare the merged model with base and adapter: fail where they differ, warn, or do not",
        },
    },
}

PARITY_FILE = "parity.json"

UNMERGED = "keep the adapter beside the base model: `ftk run --resume RUN --no-merge`"
"""What can be done where there is no room to merge."""

KEYS: dict[str, Schema] = {"output_dir": OUTPUT_DIR, **TOKENIZER}


@stage(revision=1, keys=KEYS, block=("merge.dtype",), environment=ENVIRONMENT.name, default=True)
def merge(run: Run, model: PreparedModel, trained: TrainedModel) -> MergedModel:
    """Fold the adapter into the base model, tensor by tensor, and compare."""
    if not trained.is_adapter:
        return MergedModel(trained.folder)
    # It appears as a whole and goes with what it was made of: an earlier attempt failed at the comparison.
    if not run.path(run.merged_folder).exists():
        _tell_of_quantisation(run)
        dtype = run.config.setting("merge.dtype")
        chosen = [dtype] if dtype else []
        _execute(run, "merge", model.folder, trained.folder, run.merged_folder, run.tokenizer(), *chosen)
    parity = None
    if mode := run.config.setting("merge.parity"):
        parity = _compare(run, model, trained)
        _judge(run, parity, mode)
    return MergedModel(run.merged_folder, parity)


def _compare(run: Run, model: PreparedModel, trained: TrainedModel) -> dict[str, Any]:
    result = run.training_folder / PARITY_FILE
    _execute(run, "parity", model.folder, trained.folder, run.merged_folder, run.prepared_folder, result)
    found: dict[str, Any] = files.read_json(run.path(result))
    return found


def _judge(run: Run, parity: dict[str, Any], mode: bool | str) -> None:
    if parity["ok"] is not False:
        return
    message = f"the merged model answers otherwise than base and adapter: {parity['text']}"
    if mode != "warn":
        remedy = f"it is kept; `ftk run --resume {run.id} --set ftk.merge.parity=warn` goes on with it nevertheless"
        raise FtkError(message, remedy)
    run.notice(message)


def _tell_of_quantisation(run: Run) -> None:
    get = run.config.get
    if get("adapter") == "qlora" or get("load_in_4bit") or get("load_in_8bit"):
        run.notice("trained on a quantised base model, the adapter is folded into its unquantised weights")


@hookimpl
def config_block() -> dict[str, Schema]:
    """How is merged: `ftk.merge`."""
    return {"merge": BLOCK}


@hookimpl
def environment(name: str) -> Environment | None:
    """The environment of both commands."""
    return ENVIRONMENT if name == ENVIRONMENT.name else None


@hookimpl
def advice() -> Sequence[Advice]:
    """What goes wrong while merging."""
    return [
        Advice(
            r"the merged model takes .* GB free",
            "the disk has no room for the merged model",
            f"make room, or {UNMERGED}",
        ),
        Advice(
            r"merging by peft takes .* GB are free",
            "memory has no room for the whole model, which peft needs to merge this adapter",
            f"take a machine with more memory, or {UNMERGED}",
        ),
    ]


def _execute(run: Run, module: str, *arguments: str | Artifact) -> None:
    argv = (PYTHON, "-m", f"ftk_merge.{module}", *arguments)
    run.execute(Command(argv, ENVIRONMENT.name, Resources(run.config.timeout, gpus=False)))
