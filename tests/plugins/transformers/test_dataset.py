"""The order of rows and what a batch of them holds."""

import torch

from ftk_transformers.dataset import PaddingCollator, Shuffle

LENGTHS = [9, 2, 7, 4, 8, 1, 6, 3, 5, 10, 11]


def order(epoch: int, lengths: list[int] | None) -> list[int]:
    shuffle = Shuffle(len(LENGTHS), 1, lengths, 4)
    shuffle.set_epoch(epoch)
    return list(shuffle)


def test_the_order_depends_on_the_epoch_alone() -> None:
    for lengths in (None, LENGTHS):
        assert sorted(order(0, lengths)) == list(range(len(LENGTHS)))
        assert order(3, lengths) == order(3, lengths)
        assert len({tuple(order(epoch, lengths)) for epoch in range(9)}) > 1


def test_a_batch_has_rows_of_similar_length() -> None:
    for epoch in range(9):
        rows = order(epoch, LENGTHS)
        batches = {frozenset(LENGTHS[row] for row in rows[start : start + 4]) for start in (0, 4, 8)}
        assert batches == {frozenset({1, 2, 3, 4}), frozenset({5, 6, 7, 8}), frozenset({9, 10, 11})}


def test_a_batch_asks_for_the_logits_that_are_trained() -> None:
    short = {"input_ids": [5, 6], "attention_mask": [1, 1], "labels": [-100, 6]}
    long = {"input_ids": [1, 2, 3], "attention_mask": [1, 1, 1], "labels": [-100, 2, 3]}
    batch = PaddingCollator(0)([short, long])  # type: ignore[list-item]
    assert batch["input_ids"].tolist() == [[5, 6, 0], [1, 2, 3]]
    assert batch["attention_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]
    assert batch["labels"].tolist() == [[-100, 6, -100], [-100, 2, 3]]
    assert batch["logits_to_keep"].tolist() == [[True, False, False], [True, True, False]]
    assert torch.equal(batch["shift_labels"], torch.tensor([6, 2, 3]))
