"""A person's own measure of answers: a Python function in a file that they name on the command line."""

import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftk.errors import FtkError, UsageError
from ftk.runs.evaluation import Answer

CALL = "{name}(prompt, answer, expected) gives a number"


@dataclass(frozen=True)
class Metric:
    """A measure.

    :param name: of the function.
    :param file: where it stands.
    :param function: takes a prompt, an answer and the expected answer, and gives a number.
    """

    name: str
    file: Path
    function: Callable[[str, str, str], Any]

    def means(self, answers: Iterable[Answer]) -> tuple[float, float]:
        """The means over the answers of the base model and over those of the tuned one.

        :raises FtkError: when the function fails at a row, or gives no number.
        """
        pairs = [(self._value(item, item.base), self._value(item, item.tuned)) for item in answers]
        base, tuned = zip(*pairs, strict=True)
        # Not `fsum`, which refuses what has no finite sum.
        return sum(base) / len(pairs), sum(tuned) / len(pairs)

    def _value(self, row: Answer, answer: str) -> float:
        try:
            return float(self.function(row.prompt, answer, row.expected))
        except Exception as error:  # whatever a person's function raises
            message = f"{self.file}: {self.name} failed at row {row.row}: {type(error).__name__}: {error}"
            raise FtkError(message, CALL.format(name=self.name)) from None


def load_metric(text: str) -> Metric:
    """The measure that `FILE.py:NAME` names; the file is run for it.

    :raises UsageError: when there is none.
    """
    path, colon, name = text.rpartition(":")
    if not colon or not path or not name:
        raise UsageError(f"--metric {text}: no function is named", "such as --metric my_metrics.py:same_words")
    file = Path(path)
    found = getattr(_run(file), name, None)
    if not callable(found):
        raise UsageError(f"{file} has no function {name}", CALL.format(name=name))
    return Metric(name, file, found)


def _run(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(file.stem, file) if file.is_file() else None
    if spec is None or spec.loader is None:
        raise UsageError(f"{file} is no Python file", "such as --metric my_metrics.py:same_words")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a person's file raises
        raise UsageError(f"{file} cannot be run: {type(error).__name__}: {error}", "mend it") from None
    return module
