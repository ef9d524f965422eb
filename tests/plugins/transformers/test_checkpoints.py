"""Which checkpoints count."""

import json
from pathlib import Path

import pytest

from ftk_transformers.checkpoints import MARKER, checkpoint_at, mark_complete, newest_complete, remove_oldest
from ftk_transformers.embeddings import ADAPTER_WEIGHTS


def write_checkpoint(output: Path, step: int) -> Path:
    checkpoint = checkpoint_at(output, step)
    checkpoint.mkdir()
    (checkpoint / "weights").write_bytes(b"1234")
    return checkpoint


def test_the_newest_is_found_by_its_number(tmp_path: Path) -> None:
    assert newest_complete(tmp_path, print) is None
    for step in (9, 10):
        mark_complete(write_checkpoint(tmp_path, step))
    (tmp_path / "checkpoint-10 copy").mkdir()
    assert newest_complete(tmp_path, print) == tmp_path / "checkpoint-10"


def test_half_written_ones_are_removed_and_named(tmp_path: Path) -> None:
    told: list[str] = []
    kept = write_checkpoint(tmp_path, 1)
    mark_complete(kept)
    damaged = write_checkpoint(tmp_path, 2)
    mark_complete(damaged)
    (damaged / "weights").write_bytes(b"12")
    write_checkpoint(tmp_path, 3)
    assert newest_complete(tmp_path, told.append) == kept
    assert list(tmp_path.iterdir()) == [kept]
    assert told == [f"checkpoint-{step} is removed, since it is not whole" for step in (2, 3)]


def test_what_others_put_into_one_harms_nothing(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path, 1)
    mark_complete(checkpoint)
    (checkpoint / ".DS_Store").touch()
    assert newest_complete(tmp_path, pytest.fail) == checkpoint


@pytest.mark.parametrize("mark", [b"", b'{"weights": ', b"\xff", b"[]"])
def test_one_whose_mark_cannot_be_read_is_not_whole(tmp_path: Path, mark: bytes) -> None:
    for step in (1, 2):
        mark_complete(write_checkpoint(tmp_path, step))
    (tmp_path / "checkpoint-2" / MARKER).write_bytes(mark)
    assert newest_complete(tmp_path, print) == tmp_path / "checkpoint-1"


@pytest.mark.parametrize("older", [False, True])
def test_an_adapter_that_became_another_of_the_same_size_is_not_whole(tmp_path: Path, older: bool) -> None:
    for step in (1, 2):
        checkpoint = write_checkpoint(tmp_path, step)
        (checkpoint / ADAPTER_WEIGHTS).write_bytes(b"1234")
        mark_complete(checkpoint)
    if older:
        (checkpoint / MARKER).write_text(json.dumps({"weights": 4, ADAPTER_WEIGHTS: 4}))
    assert newest_complete(tmp_path, print) == checkpoint
    (checkpoint / ADAPTER_WEIGHTS).write_bytes(b"4321")
    assert newest_complete(tmp_path, print) == tmp_path / f"checkpoint-{2 if older else 1}"


def test_one_is_always_kept(tmp_path: Path) -> None:
    for step in (5, 10, 15):
        mark_complete(write_checkpoint(tmp_path, step))
    remove_oldest(tmp_path, 3)
    assert len(list(tmp_path.iterdir())) == 3
    remove_oldest(tmp_path, 1, best=5)
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-5", "checkpoint-15"}
    remove_oldest(tmp_path, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-15"]
