"""The config keys that the embedded engine's training reads, as a JSON schema; names and meanings are axolotl's."""

from collections.abc import Mapping

from ftk.plugin import OUTPUT_DIR, Schema
from ftk_transformers.settings.adapter import Adapter
from ftk_transformers.settings.batches import Batches
from ftk_transformers.settings.optimization import Optimization
from ftk_transformers.settings.preference import Preference
from ftk_transformers.settings.schedule import Reporting, Schedule
from ftk_transformers.settings.weights import Weights

TRAINING_KEYS: Mapping[str, Schema] = {
    "output_dir": OUTPUT_DIR,
    **Adapter.keys(),
    **Weights.keys(),
    **Optimization.keys(),
    **Batches.keys(),
    **Schedule.keys(),
    **Preference.keys(),
}

SETTINGS: Mapping[str, Schema] = Reporting.keys()
"""Keys that do not change what comes out of a training."""
