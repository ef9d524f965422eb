"""The merge for every engine, and the check that it changed nothing but the form."""

from collections.abc import Sequence

from ftk.plugin import (
    OUTPUT_DIR,
    PYTHON,
    Advice,
    Artifact,
    Command,
    Environment,
    MergedModel,
    PreparedModel,
    Resources,
    Run,
    Schema,
    StagedData,
    TrainedModel,
    hookimpl,
    stage,
)
