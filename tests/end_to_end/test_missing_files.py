"""Files of a run are lost: what it was made with is asked for, and what it has made is made again."""

import json
import shlex
import shutil
from pathlib import Path

import pytest

from ftk.files import sha256
from ftk.testing.calls import Ftk


def _trained(ftk: Ftk, config: Path, *arguments: str) -> Path:
    """The folder of a finished run."""
    done = ftk("run", config, "--set", "ftk.evaluate.rows=0", *arguments)
    assert done.returncode == 0, done.stderr
    return ftk.run_folder()


def _stages(ftk: Ftk) -> list[str]:
    """The stages that were begun, in order."""
    return [event["stage"] for event in ftk.events("stage_started")]


def _assert_refused(ftk: Ftk, run: Path, missing: Path) -> None:
    """No call does anything to the run, and none is proposed that would."""
    before = sha256(run / "lora-out")
    for more in ([], ["--from", "stage_data"], ["--from", "train"]):
        done = ftk("run", "--resume", "latest", *more)
        assert done.returncode == 2
        assert done.stderr.splitlines() == [
            f"error: {missing} is gone",
            "  the run was made with it: put it back",
        ]
    assert sha256(run / "lora-out") == before


def test_nothing_goes_while_the_data_are_gone(ftk: Ftk, toy_config: Path) -> None:
    run = _trained(ftk, toy_config)
    (run / "data.jsonl").rename(ftk.folder / "kept")
    _assert_refused(ftk, run, run / "data.jsonl")
    (ftk.folder / "kept").rename(run / "data.jsonl")
    assert ftk("run", "--resume", "latest", "--from", "stage_data").returncode == 0


def test_nothing_goes_while_one_of_several_files_is_gone(ftk: Ftk, toy_config: Path) -> None:
    (ftk.folder / "several").mkdir()
    for name in ("a.jsonl", "b.jsonl"):
        shutil.copy(ftk.folder / "data.jsonl", ftk.folder / "several" / name)
    run = _trained(ftk, toy_config, "--data", "several")
    (run / "data/b.jsonl").unlink()
    done = ftk("run", "--resume", "latest", "--from", "stage_data")
    assert done.returncode == 2
    assert f"{run / 'data'} holds no file b.jsonl\n  the run was made with it: put it back" in done.stderr
    assert (run / "lora-out/learned.json").exists()


@pytest.mark.parametrize("missing", ["lora_model_dir", "lora_model_dir/learned.json"])
def test_nothing_goes_while_the_given_adapter_is_gone(ftk: Ftk, toy_config: Path, missing: str) -> None:
    (ftk.folder / "given").mkdir()
    for name in ("learned.json", "about.json"):
        (ftk.folder / "given" / name).write_text("{}")
    run = _trained(ftk, toy_config, "--set", f"lora_model_dir={ftk.folder / 'given'}")
    (run / missing).rename(ftk.folder / "kept")
    _assert_refused(ftk, run, run / missing)


def test_the_call_that_a_changed_key_asks_for_makes_the_change(ftk: Ftk, toy_config: Path) -> None:
    run = _trained(ftk, toy_config, "--until", "train")
    done = ftk("run", "--resume", "latest", "--set", "max_steps=9", "--set", "output_dir=out", "--logger", "none")
    assert done.returncode == 2
    assert "in place of what train has made" in done.stderr
    proposed = shlex.split(done.stderr.split("`")[1])
    done = ftk(*proposed[1:])
    assert done.returncode == 0, done.stderr
    assert json.loads((run / "out/trained.json").read_text())["steps"] == 9


@pytest.mark.parametrize(
    ("damaged", "again"),
    [
        ("last_run_prepared/train.parquet", ["stage_data"]),
        ("lora-out/learned.json", ["train", "merge"]),
        ("lora-out/merged/learned.json", ["merge"]),
    ],
)
def test_a_lost_file_of_a_result_is_made_again(ftk: Ftk, toy_config: Path, damaged: str, again: list[str]) -> None:
    run = _trained(ftk, toy_config)
    begun, content = len(_stages(ftk)), (run / damaged).read_bytes()
    for word, damage in (("gone", None), ("cut short", b"")):
        (run / damaged).unlink()
        if damage is not None:
            (run / damaged).write_bytes(damage)
        done = ftk("run", "--resume", "latest")
        assert done.returncode == 0, done.stderr
        assert f"{again[0]} is done again, since {run / damaged} is {word}" in done.stderr
        assert _stages(ftk)[begun:] == again
        assert (run / damaged).read_bytes() == content
        begun = len(_stages(ftk))


def test_a_training_that_is_done_again_goes_on_from_its_checkpoint(ftk: Ftk, toy_config: Path) -> None:
    run = _trained(ftk, toy_config)
    (run / "lora-out/learned.json").unlink()
    assert ftk("run", "--resume", "latest").returncode == 0
    assert ftk.events("training")[-1]["start_step"] == 6


def test_what_a_person_may_remove_or_edit_counts_for_nothing(ftk: Ftk, toy_config: Path) -> None:
    run = _trained(ftk, toy_config)
    begun = _stages(ftk)
    (run / "lora-out/trained.json").write_text("{}")
    for path in (run / "lora-out").glob("checkpoint-*"):
        path.unlink()
    assert ftk("run", "--resume", "latest").returncode == 0
    assert _stages(ftk) == begun


def test_a_run_of_before_files_were_noted_goes_on(ftk: Ftk, toy_config: Path) -> None:
    run = _trained(ftk, toy_config)
    begun = _stages(ftk)
    for path in (run / "stages").iterdir():
        values = json.loads(path.read_text())
        del values["files"]
        path.write_text(json.dumps(values))
    assert ftk("run", "--resume", "latest").returncode == 0
    assert _stages(ftk) == begun
