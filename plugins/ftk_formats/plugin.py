"""The hooks of the dataset formats."""

from collections.abc import Mapping, Sequence

from ftk.plugin import (
    BASE_MODEL,
    DATASETS,
    FAMILIES,
    TEST_DATASETS,
    TOKENIZER,
    Config,
    DatasetFormat,
    Problem,
    Run,
    Schema,
    StagedData,
    hookimpl,
    stage,
)
from ftk_formats import checking, staging
from ftk_formats.chat import Chat
from ftk_formats.gate import BLOCK
from ftk_formats.instructions import instruction_formats
from ftk_formats.markup import marked_formats
from ftk_formats.plain import Completion, InputOutput, Tokenised
from ftk_formats.preference import preference_formats
from ftk_formats.user_defined import UserDefined

KEYS: dict[str, Schema] = {
    "base_model": BASE_MODEL,
    "datasets": DATASETS,
    "test_datasets": TEST_DATASETS,
    "sequence_len": {"type": "integer", "minimum": 8, "default": 2048},
    "excess_length_strategy": {"enum": ["drop", "truncate", "raise"], "default": "drop"},
    "min_sample_len": {"type": "integer", "minimum": 1, "default": 2},
    "dataset_exact_deduplication": {"type": "boolean", "default": False},
    "val_set_size": {"type": "number", "minimum": 0, "default": 0},
    "train_on_inputs": {"type": "boolean", "default": False},
    "seed": {"type": "integer", "minimum": 0, "default": 42},
    **TOKENIZER,
    "chat_template_kwargs": {
        "type": ["object", "null"],
        "default": None,
        "description": "variables that the chat template is given",
    },
    "eot_tokens": {
        "type": ["array", "null"],
        "items": {"type": "string"},
        "default": None,
        "description": "tokens that end a turn, where that is not the end-of-sequence token",
    },
    "rl": {"enum": [*FAMILIES, None], "default": None, "description": "how preferences are learned"},
}


@hookimpl
def dataset_formats() -> Sequence[DatasetFormat]:
    """The formats, by the names that axolotl gives them."""
    return [
        UserDefined(),
        *instruction_formats(),
        Chat(),
        Completion(),
        InputOutput(),
        Tokenised(),
        *marked_formats(),
        *preference_formats(),
    ]


@hookimpl
def config_block() -> dict[str, Schema]:
    """The limits beyond which data are refused: `ftk.data`."""
    return {"data": BLOCK}


@hookimpl
def check(config: Config, formats: Mapping[str, DatasetFormat]) -> Sequence[Problem]:
    """Read every row once, before anything is fetched or rented."""
    mine = config.provider("stage_data") == "formats"
    return checking.find_data_problems(config, formats) if mine else []


@stage(revision=staging.REVISION, keys=KEYS, default=True)
def stage_data(run: Run) -> StagedData:
    """Tokenise all rows once, for every engine."""
    return staging.stage_data(run)
