"""What the summary is made of: the rows that are asked, and the answers, as they are written down."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ftk.artifacts import Artifact, Completions, Model, StagedData
from ftk.runs.evaluation import AskedRow, read_samples
from ftk.runs.generation import generate

SEPARATED = "a\u2028b\u2029c\x85d\x0be\x0cf"
"""A text with all that ends a line for Python, and for JSON lines does not."""

FOLDER = Artifact("run", "folder")


def run_in(folder: Path) -> Any:
    """A run whose artifacts lie here."""
    config = SimpleNamespace(provider=lambda stage: "engine")
    return SimpleNamespace(path=lambda artifact: folder / artifact.path, config=config)


def write_lines(path: Path, *values: Any) -> None:
    """Write JSON lines with their texts as they are."""
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values), encoding="utf-8")


def test_samples_may_hold_any_character(tmp_path: Path) -> None:
    rows = [AskedRow("train", number, SEPARATED, SEPARATED, [1]) for number in (1, 2)]
    write_lines(tmp_path / "folder" / "samples.jsonl", *map(vars, rows))
    data = StagedData(FOLDER, "d", train_rows=2, eval_rows=0, tokens=2, trained_tokens=2, truncated_rows=0)
    assert read_samples(run_in(tmp_path), data) == rows


def test_answers_may_hold_any_character(tmp_path: Path) -> None:
    class Engine:
        def generate(self, provider: str, run: Any, model: Model, prompts: Artifact, output: Artifact) -> Completions:
            write_lines(tmp_path / output.path, {"text": SEPARATED}, {"text": "b"})
            return Completions(output)

    manager: Any = Engine()
    found = generate(run_in(tmp_path), manager, Model(FOLDER, None), [], FOLDER)
    assert found == [{"text": SEPARATED}, {"text": "b"}]
