"""Answers while they are made: written down as they come, so that a kill costs no more than what is at work."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ftk.reporter import append_line


class KeptAnswers:
    """Answers by the number of their prompt.

    :param path: the file with a JSON line for each; what an earlier, killed call has left there counts.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[int, dict[str, Any]] = dict(_read(path)) if path.exists() else {}

    def __contains__(self, number: int) -> bool:
        return number in self._known

    def __len__(self) -> int:
        return len(self._known)

    def add(self, batch: Mapping[int, dict[str, Any]]) -> None:
        """Write the answers of a batch down, all at once: so the batches that are left stay what they are."""
        append_line(self.path, "\n".join(json.dumps(pair) for pair in batch.items()))
        self._known.update(batch)

    def in_order(self) -> list[dict[str, Any]]:
        """All answers, in the prompts' order."""
        return [self._known[number] for number in sorted(self._known)]


def _read(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """The whole lines of the file; one that a killed writer left unfinished is passed over."""
    found = []
    for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
        try:
            number, answer = json.loads(line)
        except ValueError:
            continue
        found.append((number, answer))
    return found
