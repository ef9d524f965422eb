"""Folders that a kill left half written are known, and removed."""

import json
from pathlib import Path

from ftk_axolotl.checkpoints import MARKER, is_complete, remove_torn_checkpoints


def checkpoint(output: Path, step: int, marked: dict[str, int] | None) -> Path:
    folder = output / f"checkpoint-{step}"
    (folder / "global_step").mkdir(parents=True)
    (folder / "weights").write_bytes(b"1234")
    (folder / "global_step" / "part").write_bytes(b"12")
    if marked is not None:
        (folder / MARKER).write_text(json.dumps(marked))
    return folder


def test_whole_checkpoints_stay_and_torn_ones_go(tmp_path: Path) -> None:
    whole = checkpoint(tmp_path, 2, {"weights": 4, "global_step/part": 2})
    cut = checkpoint(tmp_path, 4, {"weights": 4, "global_step/part": 3})
    unmarked = checkpoint(tmp_path, 6, None)
    unreadable = checkpoint(tmp_path, 8, {})
    (unreadable / MARKER).write_text("{")
    told: list[str] = []
    assert remove_torn_checkpoints(tmp_path, told.append)
    assert [item.name for item in tmp_path.iterdir()] == [whole.name]
    assert sorted(told) == [f"{item.name} is removed, since it is not whole" for item in (cut, unmarked, unreadable)]


def test_nothing_to_go_on_from(tmp_path: Path) -> None:
    checkpoint(tmp_path, 2, None)
    assert not remove_torn_checkpoints(tmp_path, print)
    assert not remove_torn_checkpoints(tmp_path / "absent", print)


def test_files_that_came_later_do_no_harm(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path, 2, {"weights": 4})
    assert is_complete(folder)
    (folder / "weights").unlink()
    assert not is_complete(folder)
