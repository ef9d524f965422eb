"""ftk is killed before, inside and after every one of its writes; each time, the run can be finished, as any other."""

import inspect
import json
import os
import re
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ftk import files
from ftk.testing.calls import Ftk

CRASHING = Path(__file__).parent / "crashing"

SAMPLES = 10
"""Moments of a run that the plain test tries, spread over all."""

SAMPLES_AGAIN = ("resolved.yml.partial", "inside os.remove ('tokenizer.json'", "inside os.remove ('trained.json'")
"""The same, of a training that is done again: as the new config comes, and inside the old merged model and training."""

ALL_MOMENTS = bool(os.environ.get("FTK_TEST_ALL_MOMENTS"))
"""Whether the slow tests try each of them, and not only one of each kind, or every third."""

SHORT = ("--set", "max_steps=3")
"""Steps with a checkpoint in the middle and one at the end."""

AGAIN = ("run", "--resume", "latest", "--from", "train", "--set", "max_steps=4")

COUNTED = {"make_folder", "write_bytes", "copy_file", "write_stream", "link_file", "refer", "remove", "publish_folder"}

COMPOSED = {
    *("write_text", "write_json", "copy_folder", "new_folder", "new_file", "discard", "hide", "sweep"),
    *("locked", "open_lock"),
}
"""They write by the counted ones alone, or only an empty file to lock."""

READERS = {"read_json", "read_json_lines", "damaged", "sizes_below", "has_sizes", "sha256", "sha256_of"}


def test_every_operation_of_files_is_counted() -> None:
    functions = inspect.getmembers(files, inspect.isfunction)
    public = {name for name, function in functions if function.__module__ == "ftk.files" and name[0] != "_"}
    assert public == COUNTED | COMPOSED | READERS


@pytest.fixture(scope="module")
def finished(make_ftk, write_toy_config, tmp_path_factory: pytest.TempPathFactory) -> Ftk:
    """An undisturbed run."""
    ftk = make_ftk(tmp_path_factory.mktemp("finished"))
    done = ftk("run", write_toy_config(ftk.folder), *SHORT, **_variables(ftk, 0))
    assert done.returncode == 0, done.stderr
    return ftk


@pytest.fixture(scope="module")
def whole(finished: Ftk) -> tuple[dict[str, Any], list[str]]:
    """What an undisturbed run leaves, and the moments that it has."""
    return _content(finished.run_folder()), _moments(finished)


@pytest.fixture(scope="module")
def again(finished: Ftk, make_ftk, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[str]]:
    """What the run is after its training was done again, and the moments until that begins."""
    ftk = _copied(finished, make_ftk(tmp_path_factory.mktemp("again")))
    done = ftk(*AGAIN, **_variables(ftk, 0))
    assert done.returncode == 0, done.stderr
    moments = _moments(ftk)
    begin = next(number for number, moment in enumerate(moments) if '"stage_started", "stage": "train"' in moment)
    return _content(ftk.run_folder()), moments[:begin]


def test_every_counted_operation_happens(whole, again) -> None:
    happened = {moment.split(" ", 2)[1] for moment in (*whole[1], *again[1])}
    assert happened >= COUNTED - {"link_file"}  # of files of the hub alone, which this run has none of


def _copied(finished: Ftk, ftk: Ftk) -> Ftk:
    """The place of a test with a finished run in it."""
    shutil.copytree(finished.runs, ftk.runs)
    shutil.copytree(finished.cache, ftk.cache)
    return ftk


def _moments(ftk: Ftk) -> list[str]:
    return (ftk.folder / "moments").read_text().splitlines()


def _variables(ftk, moment: int) -> dict[str, str]:
    """The environment for a call that crashes at a moment."""
    return {
        "PYTHONPATH": f"{CRASHING}:{ftk.variables['PYTHONPATH']}",
        "CRASH_COUNTER": str(ftk.folder / "moments"),
        "CRASH_MOMENT": str(moment),
        "TMPDIR": str(ftk.folder),
    }


def _content(run: Path) -> dict[str, Any]:
    """Every file of a run by name, but for its history: events, output, and the seconds that stages took."""
    paths = {path.relative_to(run).as_posix(): path for path in run.rglob("*") if path.is_file()}
    history = [name for name in paths if name.startswith("events/") or name == "logs.txt"]
    content: dict[str, Any] = {name: path.read_bytes() for name, path in paths.items() if name not in history}
    for name in [name for name in content if name.startswith("stages/") and name.endswith(".json")]:
        content[name] = {**json.loads(content[name]), "seconds": None}
    return content


def _finished_stages(run: Path) -> set[str]:
    """The stages of which a crash left a whole manifest."""
    manifests = [json.loads(path.read_text()) for path in run.glob("stages/*.json")]
    return {manifest["stage"] for manifest in manifests if manifest["result"] is not None}


def _crash(ftk: Ftk, moment: int, *call: object) -> None:
    ftk(*call, "--detach", **_variables(ftk, moment))
    ftk.wait_for(lambda: not ftk.workers())
    assert (ftk.folder / "moments.crashed").exists(), "the run ended without a crash"


def _assert_can_be_finished(ftk, config: Path, whole: dict[str, Any]) -> None:
    if not ftk.has_run():  # a crash so early that there is nothing to go on with
        done = ftk("run", config, *SHORT)
        assert done.returncode == 0, done.stderr
    else:
        finished = _finished_stages(ftk.run_folder())
        done = ftk("run", "--resume", "latest")
        assert done.returncode == 0, done.stderr
        begin = ftk.events("run_started")[-1]["time"]
        again = {event["stage"] for event in ftk.events("stage_started") if event["time"] > begin}
        assert not again & finished, "a finished stage was done again"
    content = _content(ftk.run_folder())
    assert sorted(content) == sorted(whole)
    assert [name for name in whole if content[name] != whole[name]] == []
    _assert_nothing_is_left(ftk)


def _assert_nothing_is_left(ftk: Ftk) -> None:
    assert [*ftk.run_folder().rglob("*.partial"), *ftk.cache.rglob("*.partial")] == []
    ftk.assert_nobody_works()


@pytest.mark.parametrize("sample", range(SAMPLES))
def test_a_run_survives_a_crash(sample: int, ftk, toy_config: Path, whole) -> None:
    content, moments = whole
    _crash(ftk, 1 + sample * (len(moments) - 1) // (SAMPLES - 1), "run", toy_config, *SHORT)
    _assert_can_be_finished(ftk, toy_config, content)


def _one_of_each_kind(moments: Sequence[str]) -> list[int]:
    """The first moment before, and the first one after, each operation in each stage."""
    stage, first = "", {}
    for number, moment in enumerate(moments, 1):
        when, operation, _ = moment.split(" ", 2)
        first.setdefault((stage, when, operation), number)
        if started := re.search(r'"stage_started", "stage": "(\w+)"', moment):
            stage = started[1]
    return list(first.values())


@pytest.mark.slow
def test_a_run_survives_a_crash_at_any_moment(make_ftk, write_toy_config, tmp_path: Path, whole) -> None:
    content, moments = whole

    def find_failure(moment: int) -> str | None:
        ftk = make_ftk(tmp_path / str(moment))
        config = write_toy_config(ftk.folder)
        try:
            _crash(ftk, moment, "run", config, *SHORT)
            _assert_can_be_finished(ftk, config, content)
        except AssertionError as error:
            return f"{moment} of {len(moments)}, {moments[moment - 1]}: {error}"
        return None

    tried = range(1, len(moments) + 1) if ALL_MOMENTS else _one_of_each_kind(moments)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        failures = list(filter(None, pool.map(find_failure, tried)))
    assert not failures, "\n".join(failures)


def _assert_old_or_new(ftk: Ftk, old: dict[str, Any], new: dict[str, Any]) -> None:
    """After a crash, the run is what it was, or goes on to what was asked for."""
    left = {name: value for name, value in _content(ftk.run_folder()).items() if ".partial" not in name}
    begun = left["resolved.yml"] == new["resolved.yml"]
    assert begun or left == old, "something is gone, and the change is forgotten"
    done = ftk("run", "--resume", "latest")
    if begun and left.keys() >= {name for name in old if name.startswith("lora-out/checkpoint")}:
        assert "config max_steps: 3 then, 4 now" in done.stderr  # nothing of the old training is gone yet
        done = ftk("run", "--resume", "latest", "--from", "train")
    assert done.returncode == 0, done.stderr
    assert _content(ftk.run_folder()) == (new if begun else old)
    _assert_nothing_is_left(ftk)


@pytest.mark.parametrize("sample", SAMPLES_AGAIN)
def test_a_stage_that_is_done_again_survives_a_crash(sample: str, ftk, finished: Ftk, whole, again) -> None:
    new, moments = again
    number = next(number for number, moment in enumerate(moments, 1) if sample in moment)
    _crash(_copied(finished, ftk), number, *AGAIN)
    _assert_old_or_new(ftk, whole[0], new)


@pytest.mark.slow
def test_a_stage_that_is_done_again_survives_a_crash_at_any_moment(
    make_ftk, finished: Ftk, tmp_path: Path, whole, again
) -> None:
    new, moments = again

    def find_failure(moment: int) -> str | None:
        ftk = _copied(finished, make_ftk(tmp_path / str(moment)))
        try:
            _crash(ftk, moment, *AGAIN)
            _assert_old_or_new(ftk, whole[0], new)
        except AssertionError as error:
            return f"{moment} of {len(moments)}, {moments[moment - 1]}: {error}"
        return None

    tried = range(1, len(moments) + 1, 1 if ALL_MOMENTS else 3)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        failures = list(filter(None, pool.map(find_failure, tried)))
    assert not failures, "\n".join(failures)
