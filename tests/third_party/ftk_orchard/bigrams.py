"""The commands of the engine, in an interpreter without ftk: counts which token follows which."""

import json
import math
import signal
import sys
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from shutil import copyfile
from types import FrameType
from typing import Any

from ftk.reporter import Reporter

STATE = "bigrams.json"

SHARE = 8
"""Of how many parts of the rows each step learns one."""


class Training:
    """Learns a part of the rows a step; its state is one file, which is replaced as a whole.

    :param rows: their token ids.
    :param output: the folder of that file.
    :param steps: how many.
    """

    def __init__(self, rows: list[list[int]], output: Path, steps: int) -> None:
        self.rows = rows
        self.path = output / STATE
        self.steps = steps
        state = json.loads(self.path.read_text()) if self.path.exists() else {"step": 0, "loss": None, "follows": {}}
        self.step: int = state["step"]
        self.loss: float | None = state["loss"]
        self.follows: dict[str, Counter[str]] = defaultdict(Counter)
        self.follows.update({token: Counter(counts) for token, counts in state["follows"].items()})
        self.stopped = False

    def run(self) -> None:
        """Train to the end, or until SIGTERM asks to stop."""
        signal.signal(signal.SIGTERM, self._stop)
        reporter = Reporter.from_environment()
        size = {"trainable_parameters": len(self.rows), "total_parameters": len(self.rows)}
        place = {"device": "cpu", "dtype": "counts"}
        reporter.emit("training", steps=self.steps, start_step=self.step, rows=len(self.rows), **place, **size)
        while self.step < self.steps:
            self._learn(self.rows[self.step % SHARE :: SHARE])
            self.step += 1
            self.loss = self._loss()
            reporter.emit("metrics", step=self.step, steps=self.steps, loss=self.loss)
            self._save()
            if self.stopped:
                sys.exit(128 + signal.SIGTERM)

    def _learn(self, rows: list[list[int]]) -> None:
        for row in rows:
            for token, following in pairwise(row):
                self.follows[str(token)][str(following)] += 1

    def _loss(self) -> float:
        """Cross entropy of each token given the one before, in nats; a pair that was not seen has a chance of 0.1%."""
        pairs = [pair for row in self.rows for pair in pairwise(row)]
        return -sum(math.log(self._chance(*pair)) for pair in pairs) / len(pairs)

    def _chance(self, token: int, following: int) -> float:
        counts = self.follows.get(str(token), Counter())
        return max(counts[str(following)] / max(counts.total(), 1), 1e-3)

    def _save(self) -> None:
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps({"step": self.step, "loss": self.loss, "follows": self.follows}))
        partial.replace(self.path)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopped = True


def train(data: str, output: str, steps: str) -> None:
    """`train DATA OUTPUT STEPS`."""
    import pyarrow.parquet as pq

    Path(output).mkdir(exist_ok=True)
    rows = pq.read_table(Path(data, "train.parquet"), columns=["input_ids"]).column("input_ids").to_pylist()
    Training(rows, Path(output), int(steps)).run()


def merge(base: str, adapter: str, target: str) -> None:
    """`merge BASE ADAPTER TARGET`."""
    partial = Path(f"{target}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    for item in (*Path(base).iterdir(), Path(adapter, STATE)):
        copyfile(item, partial / item.name)
    partial.rename(target)


def generate(base: str, learned: str, prompts: str, output: str) -> None:
    """`generate BASE LEARNED PROMPTS OUTPUT`."""
    from tokenizers import Tokenizer

    state = Path(learned, STATE)
    follows = json.loads(state.read_text())["follows"] if state.exists() else {}
    tokenizer = Tokenizer.from_file(str(Path(base, "tokenizer.json")))
    requests = [json.loads(line) for line in Path(prompts).read_text(encoding="utf-8").splitlines()]
    answers = [json.dumps(_answer(request, follows, tokenizer)) for request in requests]
    Path(output).write_text("".join(f"{answer}\n" for answer in answers), encoding="utf-8")


def _answer(request: dict[str, Any], follows: dict[str, dict[str, int]], tokenizer: Any) -> dict[str, Any]:
    ids = request.get("input_ids") or tokenizer.encode(request["prompt"]).ids
    new: list[int] = []
    while len(new) < request["max_new_tokens"]:
        counts = follows.get(str([*ids, *new][-1]))
        if not counts:
            break
        new.append(int(max(counts, key=lambda token: counts[token])))
    return {"text": tokenizer.decode(new), "tokens": len(new), "finish": "stop"}


if __name__ == "__main__":
    {"train": train, "merge": merge, "generate": generate}[sys.argv[1]](*sys.argv[2:])
