"""Which checkpoints count."""

from pathlib import Path

from ftk_transformers.checkpoints import checkpoint_at, mark_complete, newest_complete, remove_oldest


def write_checkpoint(output: Path, step: int) -> Path:
    checkpoint = checkpoint_at(output, step)
    checkpoint.mkdir()
    (checkpoint / "weights").write_bytes(b"1234")
    return checkpoint


def test_the_newest_is_found_by_its_number(tmp_path: Path) -> None:
    assert newest_complete(tmp_path) is None
    for step in (9, 10):
        mark_complete(write_checkpoint(tmp_path, step))
    assert newest_complete(tmp_path) == tmp_path / "checkpoint-10"


def test_half_written_ones_are_removed(tmp_path: Path) -> None:
    kept = write_checkpoint(tmp_path, 1)
    mark_complete(kept)
    damaged = write_checkpoint(tmp_path, 2)
    mark_complete(damaged)
    (damaged / "weights").write_bytes(b"12")
    write_checkpoint(tmp_path, 3)
    assert newest_complete(tmp_path) == kept
    assert list(tmp_path.iterdir()) == [kept]


def test_one_is_always_kept(tmp_path: Path) -> None:
    for step in (5, 10, 15):
        mark_complete(write_checkpoint(tmp_path, step))
    remove_oldest(tmp_path, 3)
    assert len(list(tmp_path.iterdir())) == 3
    remove_oldest(tmp_path, 1, best=5)
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-5", "checkpoint-15"}
    remove_oldest(tmp_path, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-15"]
