"""The course of a training, from a run's events: losses, learning rate, speed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from ftk.runs.events import Event

Points = list[tuple[int, float]]
"""Steps, each with a value, in rising order."""


@dataclass
class Course:
    """What a training reported, by the names of its metrics, such as `loss` and `eval_loss`."""

    series: dict[str, Points] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[Event]) -> "Course":
        """The course of the training that counts: steps that a later start did again are those of that start."""
        course = cls()
        for event in events:
            if event.kind == "training":
                course._go_back_to(event["start_step"])
            elif event.kind == "metrics" and "step" in event.fields:
                course._add(event["step"], event.fields)
        return course

    def _go_back_to(self, step: int) -> None:
        self.series = {name: [point for point in points if point[0] <= step] for name, points in self.series.items()}

    def _add(self, step: int, metrics: Mapping[str, Any]) -> None:
        for name, value in metrics.items():
            if name not in ("step", "steps") and isinstance(value, int | float):
                self.series.setdefault(name, []).append((step, float(value)))

    def losses(self) -> Iterable[tuple[str, Points]]:
        """The curves that tell whether it learns, by the name that a person gives them."""
        for name, told in (("loss", "training loss"), ("eval_loss", "eval loss")):
            if self.series.get(name):
                yield told, self.series[name]

    @property
    def tokens_per_second(self) -> float | None:
        """The speed of a middling step."""
        speeds = [value for _, value in self.series.get("tokens_per_second", [])]
        return median(speeds) if speeds else None
