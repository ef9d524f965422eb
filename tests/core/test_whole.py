"""Which files of a run must be there."""

from pathlib import Path

import pytest

from ftk.runs.whole import first_damaged, least_sizes


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder as a training leaves it."""
    (tmp_path / "out/checkpoint-8").mkdir(parents=True)
    for name in ("a.safetensors", "config.json", "README.md", "debug.log", ".hidden", "checkpoint-8/a.safetensors"):
        (tmp_path / "out" / name).write_bytes(bytes(9))
    return tmp_path / "out"


def test_what_nothing_reads_and_checkpoints_are_left_out(out: Path) -> None:
    assert least_sizes(out.parent, "out") == {"out/a.safetensors": 9, "out/config.json": 1}


def test_what_is_missing_or_cut_short_is_found(out: Path) -> None:
    sizes = least_sizes(out.parent, "out")
    assert first_damaged(out.parent, sizes, "out") is None
    (out / "config.json").write_text("{}")
    assert first_damaged(out.parent, sizes, "out") is None
    (out / "a.safetensors").write_bytes(bytes(8))
    assert first_damaged(out.parent, sizes, "out") == out / "a.safetensors"
    assert first_damaged(out.parent, sizes, "other") is None
    (out / "a.safetensors").unlink()
    assert first_damaged(out.parent, sizes, "out") == out / "a.safetensors"


def test_a_link_counts_though_what_it_leads_to_is_not_shown_yet(out: Path) -> None:
    sizes = least_sizes(out.parent, "out")
    (out / "a.safetensors").unlink()
    (out / "a.safetensors").symlink_to("/nowhere/a.safetensors")
    assert first_damaged(out.parent, sizes, "out") is None
