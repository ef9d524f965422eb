"""The hooks of the dataset formats."""

from collections.abc import Mapping, Sequence

from ftk.plugin import (
    BASE_MODEL,
    DATASETS,
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
from ftk_formats.gate import BLOCK
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
}


@hookimpl
def dataset_formats() -> Sequence[DatasetFormat]:
    """The formats, by the names that axolotl gives them."""
    return [UserDefined()]


@hookimpl
def config_block() -> dict[str, Schema]:
    """The limits beyond which data are refused: `ftk.data`."""
    return {"data": BLOCK}


@hookimpl
def check(config: Config, formats: Mapping[str, DatasetFormat]) -> Sequence[Problem]:
    """Read every row once, before anything is fetched or rented."""
    return checking.find_data_problems(config, formats)


@stage(revision=staging.REVISION, keys=KEYS, default=True)
def stage_data(run: Run) -> StagedData:
    """Tokenise all rows once, for every engine."""
    return staging.stage_data(run)
