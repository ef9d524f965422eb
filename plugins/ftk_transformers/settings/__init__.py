"""What training needs to know of a resolved config, typed; each group of settings also declares its config keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from ftk_transformers.settings.adapter import Adapter
from ftk_transformers.settings.batches import Batches
from ftk_transformers.settings.optimization import Optimization
from ftk_transformers.settings.preference import Preference
from ftk_transformers.settings.schedule import Reporting, Schedule
from ftk_transformers.settings.weights import Weights


@dataclass(frozen=True)
class Settings:
    """The part of a resolved config that this engine's training obeys."""

    base_model: str
    output_dir: str
    adapter: Adapter
    weights: Weights
    optimization: Optimization
    batches: Batches
    schedule: Schedule
    reporting: Reporting
    preference: Preference

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """The settings of a resolved config."""
        return cls(
            base_model=config["base_model"],
            output_dir=config["output_dir"],
            adapter=Adapter.from_config(config),
            weights=Weights.from_config(config),
            optimization=Optimization.from_config(config),
            batches=Batches.from_config(config),
            schedule=Schedule.from_config(config),
            reporting=Reporting.from_config(config),
            preference=Preference.from_config(config),
        )

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """The settings of the resolved config at `path`."""
        return cls.from_config(yaml.safe_load(path.read_text()))

    @property
    def trains_adapter(self) -> bool:
        """Whether an adapter is trained, not the model's own weights."""
        return self.adapter.adapter is not None

    @property
    def eval_batch_size(self) -> int:
        """Held-out rows of one forward pass."""
        return self.reporting.eval_batch_size or self.batches.micro_batch_size
