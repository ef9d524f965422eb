"""The disk is full: nothing half-written is left, and when there is space again, `--resume` goes on."""

import json
from pathlib import Path

import pytest

FULL = "No space left on device"

FREE = "free some space"


def _told(done, code: int, *parts: str) -> None:
    """It ended so, with one error and its remedy."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    first, second = done.stderr.splitlines()[-2:]
    assert first.startswith("error: ")
    for part in parts:
        assert part in f"{first}\n{second}"


def _steps(ftk) -> list[int]:
    return [event["step"] for event in ftk.events("metrics")]


@pytest.fixture
def on_disk(offline, disk):
    """Calls `ftk` with runs on the small disk."""
    offline.runs = disk.folder / "runs"
    offline.variables["FTK_RUNS_DIR"] = str(offline.runs)
    return offline


def test_no_run_is_made_where_none_fits(on_disk, disk, toy_config: Path, rubbish) -> None:
    disk.fill()
    _told(on_disk("run", toy_config), 2, "the run cannot be written to disk/runs", FULL, FREE, "FTK_RUNS_DIR")
    assert not on_disk.has_run() and rubbish() == []
    disk.clear()
    assert on_disk("run", toy_config, "--until", "stage_data").returncode == 0


def test_data_that_do_not_fit_into_the_run_leave_no_run(on_disk, disk, toy_config: Path, rubbish) -> None:
    (toy_config.parent / "data.jsonl").write_text('{"question": "q", "answer": "a"}\n' * 50_000)
    _told(on_disk("run", toy_config), 2, "the run cannot be written to disk/runs", FULL, FREE)
    assert not on_disk.has_run() and rubbish() == []


def test_a_full_cache_keeps_nothing_half(offline, disk, toy_config: Path, rubbish) -> None:
    cache = {"FTK_CACHE_DIR": str(disk.folder / "cache")}
    disk.fill()
    _told(offline("run", toy_config, "--until", "prepare_model", **cache), 1, FULL, FREE, "ftk run --resume ftk-")
    assert rubbish() == []
    disk.clear()
    assert offline("run", "--resume", "latest", **cache).returncode == 0


@pytest.mark.slow
def test_a_resume_that_cannot_write_changes_nothing(on_disk, disk, toy_config: Path, rubbish) -> None:
    on_disk("run", toy_config, "--until", "prepare_model")
    resolved = (on_disk.run_folder() / "resolved.yml").read_bytes()
    disk.fill()
    _told(on_disk("run", "--resume", "latest"), 1, FULL, FREE)
    assert (on_disk.run_folder() / "resolved.yml").read_bytes() == resolved and rubbish() == []
    disk.clear()
    assert on_disk("run", "--resume", "latest").returncode == 0


@pytest.mark.slow
def test_a_training_whose_checkpoint_does_not_fit_goes_on_from_the_one_before(
    on_disk, disk, toy_config: Path, rubbish
) -> None:
    disk.remount("size=400k")
    _told(on_disk("run", toy_config, "--set", "max_steps=60", "--set", "save_steps=1"), 1, "the disk is full", FREE)
    assert rubbish() == []
    names = sorted(path.name for path in (on_disk.run_folder() / "lora-out").glob("checkpoint-*"))
    last = json.loads((on_disk.run_folder() / "lora-out" / names[-1]).read_text())["step"]
    disk.remount("size=8m")
    before = len(_steps(on_disk))
    assert on_disk("run", "--resume", "latest").returncode == 0
    assert _steps(on_disk)[before:] == list(range(last + 1, 61))


@pytest.mark.slow
def test_a_merge_that_does_not_fit_costs_no_training(on_disk, disk, toy_config: Path, rubbish) -> None:
    on_disk("run", toy_config, "--until", "train")
    disk.fill()
    _told(on_disk("merge", "latest"), 1, FULL, FREE)
    assert rubbish() == [] and not (on_disk.run_folder() / "lora-out" / "merged").exists()
    disk.clear()
    assert on_disk("merge", "latest").returncode == 0
    assert len(on_disk.events("training")) == 1


@pytest.mark.slow
def test_answers_that_do_not_fit_are_no_half_file(offline, disk, toy_config: Path, rubbish) -> None:
    offline("run", toy_config)
    disk.fill()
    call = ("infer", "--input", toy_config.parent / "data.jsonl", "--output", disk.folder / "answers.jsonl")
    _told(offline(*call), 1, "disk/answers.jsonl", FULL, FREE)
    assert rubbish() == [] and not (disk.folder / "answers.jsonl").exists()
    disk.clear()
    assert offline(*call).returncode == 0
    assert len((disk.folder / "answers.jsonl").read_text().splitlines()) == 8


@pytest.mark.slow
def test_a_run_can_be_removed_to_make_space(on_disk, disk, toy_config: Path) -> None:
    on_disk("run", toy_config, "--until", "train")
    disk.fill()
    assert on_disk("show").returncode == 0
    assert on_disk("rm", "latest", "--yes").returncode == 0
    assert not on_disk.has_run()


def test_a_new_plugin_that_does_not_fit_is_not_there(offline, disk, rubbish) -> None:
    disk.fill()
    _told(offline("plugins", "new", "riddles", "--kind", "format", "--folder", disk.folder / "riddles"), 1, FULL, FREE)
    assert rubbish() == [] and not (disk.folder / "riddles").exists()


@pytest.mark.needs("axolotl")
def test_an_environment_that_does_not_fit_is_not_begun(offline, disk) -> None:
    done = offline("env", "build", "axolotl", FTK_ENVIRONMENTS_DIR=str(disk.folder / "envs"))
    _told(done, 1, "the environment axolotl takes ", " MB, and 1 MB are free in ", FREE)
    assert [path.suffix for path in (disk.folder / "envs").iterdir()] == [".lock"]
