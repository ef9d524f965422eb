"""The loss of rows as a command: what the library itself computes for each row alone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from ftk_transformers import scoring

TEXTS = ["the cat sat on the mat", "SELECT name", "a dog ran over the hill and the mat", "over"] * 5


@pytest.fixture
def rows(tiny_model: Path) -> list[dict[str, list[int]]]:
    """Rows of several lengths, whose first tokens are not trained."""
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    found = []
    for number, text in enumerate(TEXTS):
        ids = tokenizer(f"{text} {number}")["input_ids"]
        untrained = number % 3
        found.append({"input_ids": ids, "labels": [-100] * untrained + ids[untrained:]})
    return found


def alone(model: Any, row: dict[str, list[int]]) -> float:
    """The mean loss of a row by itself, as the library has it."""
    with torch.no_grad():
        output = model(torch.tensor([row["input_ids"]]), labels=torch.tensor([row["labels"]]))
    return float(output.loss)


@pytest.mark.parametrize("adapted", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_each_row_has_the_loss_that_it_has_alone(
    run_command: Callable[..., Any],
    tiny_model: Path,
    tiny_adapter: Path,
    rows: list[dict[str, list[int]]],
    tmp_path: Path,
    adapted: bool,
) -> None:
    source, target, events = (tmp_path / name for name in ("rows.jsonl", "out.jsonl", "events.jsonl"))
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    adapter = tiny_adapter if adapted else "-"
    done = run_command("score", tiny_model, tiny_model, adapter, source, target, FTK_EVENTS=str(events))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    model: Any = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    if adapted:
        model = PeftModel.from_pretrained(model, tiny_adapter)
    losses = [json.loads(line) for line in target.read_text().splitlines()]
    assert [loss["tokens"] for loss in losses] == [sum(label >= 0 for label in row["labels"][1:]) for row in rows]
    for row, loss in zip(rows, losses, strict=True):
        assert loss["loss"] / loss["tokens"] == pytest.approx(alone(model, row), rel=1e-5)
    last = json.loads(events.read_text().splitlines()[-1])
    assert (last["kind"], last["done"], last["of"]) == ("scoring", 20, 20)


def test_few_logits_at_a_time_give_the_same(
    tiny_model: Path, rows: list[dict[str, list[int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    batch = [scoring._row(row) for row in rows[:5]]
    whole = scoring.losses_of(model, batch)
    monkeypatch.setattr(scoring, "MOST_LOGITS", 7 * model.config.vocab_size)
    parts = scoring.losses_of(model, batch)
    assert [count for _, count in parts] == [count for _, count in whole]
    assert [loss for loss, _ in parts] == pytest.approx([loss for loss, _ in whole], rel=1e-5)
