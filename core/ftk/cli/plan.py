"""What a run with a config would do."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ftk.config.resolved import Config


def planned(config: "Config", until: str) -> dict[str, str]:
    """Who would provide each stage, up to the last one to do."""
    from ftk.hooks.stages import RUN_STAGES

    return {stage: config.provider(stage) for stage in RUN_STAGES[: RUN_STAGES.index(until) + 1]}


def plan_lines(config: "Config", until: str) -> Iterator[str]:
    """The plan, a line each."""
    for stage, provider in planned(config, until).items():
        yield f"  {stage} by {provider}"
