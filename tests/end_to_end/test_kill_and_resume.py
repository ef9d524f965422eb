"""A real training is killed in every stage; each time, it goes on where it was and ends bit for bit the same."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

PAUSING = Path(__file__).parent / "pausing"

CHECKPOINT = "checkpoint-6/complete.json"
"""Written last into a checkpoint: as long as it is missing, the checkpoint does not count."""

MOMENTS: Mapping[str, Callable] = {
    "stage_data": lambda ftk: ftk.wait_for_event("stage_started", stage="stage_data"),
    "prepare_model": lambda ftk: ftk.wait_for_event("stage_started", stage="prepare_model"),
    "start of training": lambda ftk: ftk.wait_for_event("command_started", stage="train"),
    "first step": lambda ftk: ftk.wait_for_event("metrics", step=1),
    "second checkpoint": lambda ftk: ftk.wait_for_event("checkpoint", step=4),
    "middle of a checkpoint": lambda ftk: ftk.wait_for(lambda: [*ftk.runs.glob(f"*/*/{CHECKPOINT}.waited-for")]),
    "last checkpoint": lambda ftk: ftk.wait_for_event("checkpoint", step=10),
    "merge": lambda ftk: ftk.wait_for_event("command_started", stage="merge"),
    "parity": lambda ftk: ftk.wait_for(lambda: len(_commands_of_merge(ftk)) > 1),
    "evaluate": lambda ftk: ftk.wait_for_event("command_started", stage="evaluate"),
}

KILLS = [
    ("driver", "stage_data"),
    ("driver", "prepare_model"),
    ("driver", "start of training"),
    ("command", "start of training"),
    ("both", "first step"),
    ("driver", "second checkpoint"),
    ("command", "second checkpoint"),
    ("both", "second checkpoint"),
    ("command", "middle of a checkpoint"),
    ("both", "middle of a checkpoint"),
    ("both", "last checkpoint"),
    ("driver", "merge"),
    ("command", "merge"),
    ("both", "parity"),
    ("both", "evaluate"),
]


@pytest.fixture(scope="module")
def whole(make_ftk, write_tiny_config, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a run leaves that nobody kills."""
    ftk = make_ftk(tmp_path_factory.mktemp("whole"))
    done = ftk("run", write_tiny_config(ftk.folder), *_options("merge"))
    assert done.returncode == 0, done.stderr
    return _models(ftk)


def _commands_of_merge(ftk) -> list[dict[str, Any]]:
    return [event for event in ftk.events("command_started") if event["stage"] == "merge"]


def _options(moment: str) -> list[str]:
    # Answering and comparing take longer than all the rest here, and change nothing of the result.
    left_out = {"evaluate": "ftk.evaluate.rows=0", "parity": "ftk.merge.parity=false"}
    return [part for name, key in left_out.items() if name != moment for part in ("--set", key)]


def _models(ftk) -> dict[str, bytes]:
    folder = ftk.run_folder() / "lora-out"
    names = ("adapter_model.safetensors", "adapter_config.json", "merged/model.safetensors")
    return {name: (folder / name).read_bytes() for name in names}


def _kill(ftk, who: str) -> None:
    # A command that has been reported may not be there yet, and a process shows its environment only after its start.
    wanted = ftk.wait_for(lambda: _at_work(ftk, who))
    for process in wanted:
        process.kill()
    psutil.wait_procs(wanted, timeout=10)


def _at_work(ftk, who: str) -> list[psutil.Process]:
    """Those who are to be killed; nobody, as long as one of them is missing."""
    workers = ftk.workers()
    drivers = [process for process in workers if "ftk.runs.driver" in process.cmdline()]
    commands = [process for process in workers if process not in drivers]
    wanted = {"driver": [drivers], "command": [commands], "both": [drivers, commands]}[who]
    return [process for group in wanted for process in group] if all(wanted) else []


def _finished_stages(ftk) -> set[str]:
    manifests = [json.loads(path.read_text()) for path in ftk.run_folder().glob("stages/*.json")]
    return {manifest["stage"] for manifest in manifests if manifest["result"] is not None}


def _assert_went_on_where_it_was(ftk) -> None:
    """The newest training began at the newest checkpoint before it, with the step after that."""
    start = ftk.events("training")[-1]
    saved = [event["step"] for event in ftk.events("checkpoint") if event["time"] < start["time"]]
    steps = [event["step"] for event in ftk.events("metrics") if event["time"] > start["time"] and "loss" in event]
    assert start["start_step"] == max(saved, default=0)
    assert steps[:1] in ([], [start["start_step"] + 1])


@pytest.mark.slow
@pytest.mark.parametrize(("who", "moment"), KILLS)
def test_a_killed_run_is_finished_as_if_nothing_had_happened(who: str, moment: str, ftk, tiny_config, whole) -> None:
    pause = {"PYTHONPATH": f"{PAUSING}:{ftk.variables['PYTHONPATH']}", "PAUSE_BEFORE": CHECKPOINT}
    ftk("run", tiny_config, *_options(moment), "--detach", **(pause if moment == "middle of a checkpoint" else {}))
    MOMENTS[moment](ftk)
    _kill(ftk, who)
    if who == "driver" and ftk.workers():
        (run,) = json.loads(ftk("runs", "--json").stdout)
        assert run["state"] == "orphaned" or not ftk.workers()  # a merge may end meanwhile
    else:
        ftk.assert_nobody_works()
    finished = _finished_stages(ftk)

    done = ftk("run", "--resume", "latest")
    assert done.returncode == 0, done.stderr
    begin = ftk.events("run_started")[-1]["time"]
    again = {event["stage"] for event in ftk.events("stage_started") if event["time"] > begin}
    assert not again & finished
    _assert_went_on_where_it_was(ftk)
    assert [name for name, content in _models(ftk).items() if content != whole[name]] == []
    ftk.assert_nobody_works()
