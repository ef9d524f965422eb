"""Two of everything at once: a run has one worker, and whoever comes second is told and changes nothing."""

import json
from pathlib import Path

import pytest

from ftk.testing.calls import PATIENCE

SLOWLY = ("--set", "toy_step_seconds=0.3")

LONG = ("--set", "max_steps=200")


def _end(process) -> tuple[int, str]:
    _, errors = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in errors
    return process.returncode, errors


@pytest.fixture(scope="module")
def working(tmp_path_factory, make_ftk, write_toy_config):
    """Calls `ftk` beside a run that is training as long as the tests need it to."""
    folder = tmp_path_factory.mktemp("working")
    ftk = make_ftk(folder)
    ftk("run", write_toy_config(folder), "--set", "toy_step_seconds=0.5", "--set", "max_steps=1000", "--detach")
    ftk.wait_for_event("metrics")
    return ftk


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--resume", "latest"],
        ["run", "--resume", "latest", "--from", "train"],
        ["run", "--resume", "latest", "--set", "max_steps=9"],
        ["rm", "latest", "--yes"],
    ],
    ids=" ".join,
)
def test_a_run_at_work_is_left_alone(working, arguments: list[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in working.run_folder().glob("*.yml")}
    done = working(*arguments)
    name = working.run_folder().name
    assert done.returncode == 2, done.stderr
    first, second = done.stderr.splitlines()
    assert first == f"error: {name} is being worked on"
    assert second.startswith(f"  `ftk {'cancel' if 'rm' in arguments else 'attach'} {name}`")
    assert {path: path.stat().st_mtime_ns for path in working.run_folder().glob("*.yml")} == before
    assert json.loads(working("runs", "--json").stdout)[0]["state"] == "running"


@pytest.mark.parametrize("arguments", [["infer", "hello", "--run", "latest"], ["merge", "latest"]], ids=" ".join)
def test_a_model_that_is_not_trained_yet_is_none(working, arguments: list[str]) -> None:
    done = working(*arguments)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 2
    assert done.stderr.startswith(f"error: {working.run_folder().name} has ")


@pytest.mark.slow
def test_two_runs_of_one_config_share_the_cache(ftk, toy_config: Path, rubbish) -> None:
    both = [ftk.start("run", toy_config) for _ in range(2)]
    assert [_end(process)[0] for process in both] == [0, 0]
    assert len(json.loads(ftk("runs", "--json").stdout)) == 2
    assert rubbish() == []
    assert [len(list((ftk.cache / kind).iterdir())) for kind in ("models", "data")] == [1, 1]


@pytest.mark.slow
def test_two_who_cancel_both_see_the_end(ftk, toy_config: Path) -> None:
    ftk("run", toy_config, *LONG, *SLOWLY, "--detach")
    ftk.wait_for_event("metrics")
    both = [ftk.start("cancel", "latest") for _ in range(2)]
    assert [_end(process)[0] for process in both] == [0, 0]
    ftk.assert_nobody_works()


@pytest.mark.slow
def test_two_who_attach_both_see_the_end(ftk, toy_config: Path) -> None:
    ftk("run", toy_config, *SLOWLY, "--detach")
    both = [ftk.start("attach", "latest") for _ in range(2)]
    assert [_end(process)[0] for process in both] == [0, 0]


@pytest.mark.slow
def test_of_two_who_remove_a_run_one_does(ftk, toy_config: Path, rubbish) -> None:
    ftk("run", toy_config, "--until", "stage_data")
    name = ftk.run_folder().name
    both = [ftk.start("rm", name, "--yes") for _ in range(2)]
    codes = sorted(_end(process)[0] for process in both)
    assert codes in ([0, 0], [0, 2])
    assert not ftk.has_run() and rubbish() == []


@pytest.mark.slow
def test_of_two_merges_one_works(ftk, toy_config: Path) -> None:
    ftk("run", toy_config, "--until", "train")
    both = [ftk.start("merge", "latest") for _ in range(2)]
    ends = [_end(process) for process in both]
    assert sorted(code for code, _ in ends) in ([0, 0], [0, 2])  # the second may come when the first has ended
    assert all("is being worked on" in errors for code, errors in ends if code)
    assert (ftk.run_folder() / "lora-out" / "merged" / "learned.json").exists()


@pytest.mark.slow
def test_a_run_that_is_removed_while_it_is_watched_ends_the_watching(ftk, toy_config: Path) -> None:
    ftk("run", toy_config, *LONG, *SLOWLY, "--detach")
    ftk.wait_for_event("metrics")
    watching = ftk.start("logs", "-f", "latest")
    ftk("cancel", "latest")
    ftk.wait_for(lambda: ftk("rm", "latest", "--yes").returncode == 0)
    assert _end(watching)[0] == 0
    assert not ftk.has_run()
