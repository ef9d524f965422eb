"""The answers of a generation while it works: written down batch by batch, so that a kill costs the last one only."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ftk.reporter import append_line


class Answers:
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

    def lines(self) -> str:
        """All answers in the prompts' order, a JSON line each."""
        ordered = [self._known[number] for number in sorted(self._known)]
        return "".join(json.dumps(answer, ensure_ascii=False) + "\n" for answer in ordered)


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
