"""Tell an evaluation: a table of what both models reach."""

from collections.abc import Iterator, Mapping
from typing import Any


def evaluation_lines(evaluation: Mapping[str, Any]) -> Iterator[str]:
    """The table, in plain text."""
    yield f"{'on ' + evaluation['data']:<24}{'rows':>6}{'base':>12}{'tuned':>12}"
    for name, rows, base, tuned in evaluation_rows(evaluation):
        yield f"{name:<24}{rows:>6}{base:>12}{tuned:>12}"


def evaluation_rows(evaluation: Mapping[str, Any]) -> Iterator[tuple[str, int, str, str]]:
    """The rows of the table: a name, how many rows it is the mean of, and the figures of both models."""
    for measure in evaluation["measures"]:
        figures = [_figure(measure["name"], measure[model]) for model in ("base", "tuned")]
        yield measure["name"], measure["rows"], figures[0], figures[1]


def _figure(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0%}" if name == "exact match" else f"{value:.4f}" if abs(value) < 1000 else f"{value:.4g}"
