"""Rows that share a sequence do not see each other: a packed batch has the loss of an unpacked one."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from ftk_transformers.dataset import IGNORED, PaddingCollator
from ftk_transformers.packing import PackingCollator, pack, tokens_in

SIZES = [5, 30, 12, 2, 64, 17, 17, 40, 8]


def make_rows() -> list[dict[str, list[int]]]:
    """Rows of all trained tokens, so that a label taken across a border would be seen."""
    chance = random.Random(1)
    ids = [[chance.randrange(1, 250) for _ in range(size)] for size in SIZES]
    return [{"input_ids": row, "attention_mask": [1] * len(row), "labels": list(row)} for row in ids]


def test_packs_hold_every_row_once_and_no_more_than_fits() -> None:
    packs = pack(SIZES, 64)
    assert sorted(row for rows in packs for row in rows) == list(range(len(SIZES)))
    assert all(sum(SIZES[row] for row in rows) <= 64 for rows in packs)
    assert len(packs) == -(-sum(SIZES) // 64)  # as few as can be
    assert pack([70, 3], 64) == [[0], [1]]


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("width", [None, 100])
def test_the_loss_of_packs_is_that_of_single_rows(tiny_model: Path, attention: str, width: int | None) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32, attn_implementation=attention)
    rows = make_rows()
    packs = [[rows[row] for row in numbers] for numbers in pack(SIZES, 64)]
    together = PackingCollator(0, width)(packs)
    alone = PaddingCollator(0)(rows)
    assert tokens_in(together["position_ids"]) == int(alone["attention_mask"].sum()) == sum(SIZES)
    assert together["input_ids"].shape == (len(packs), width or 64)
    assert (together["labels"][:, 1:] != IGNORED).sum() == (alone["labels"][:, 1:] != IGNORED).sum()

    losses, gradients = [], []
    for batch in (together, alone):
        model.zero_grad()
        loss = model(**batch, use_cache=False).loss
        loss.backward()
        losses.append(loss.item())
        gradients.append(model.model.layers[0].self_attn.q_proj.weight.grad.clone())
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-6)

    blind = {**together, "position_ids": torch.arange(together["input_ids"].shape[1]).expand(len(packs), -1)}
    assert (
        abs(model(**blind, use_cache=False).loss.item() - losses[1]) > 1e-3
    )  # the test would see rows that see each other


@pytest.mark.slow
def test_a_packed_training_counts_what_it_trains(make_job: Callable[..., Any]) -> None:
    settings = {"sample_packing": True, "group_by_length": False, "sequence_len": 128, "num_epochs": 2}
    job = make_job("run", 12, 4, settings)
    done = job.train()
    assert (done.returncode, done.stderr) == (0, "")
    [training] = job.events("training")
    assert training["rows"] < 12
    assert [event for event in job.events("metrics") if "eval_loss" in event]
