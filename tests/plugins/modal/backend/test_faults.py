"""Whatever dies, no work is lost, none is done twice, and nothing is left running."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftk.testing.backends import LONG, Subject
from ftk.testing.calls import PATIENCE, Ftk
from ftk_modal.backend import ModalBackend
from ftk_modal.inside import SUPERSEDED

pytestmark = pytest.mark.slow


def _start(subject: Subject, *more: str) -> str:
    call = ("run", "config.yml", "--plugin", "abacus.py", "--detach", "--json", *more)
    started = subject.ftk(*call)
    assert started.returncode == 0, started.stderr
    return str(json.loads(started.stdout)["run"])


def _training_starts(far: Ftk) -> list[int]:
    return [event["start_step"] for event in far.events("training")]


def _checkpoint_step(far: Ftk) -> int:
    path = far.run_folder() / "lora-out/state.json"
    return int(json.loads(path.read_text())["step"]) if path.exists() else 0


def _nothing_runs(far: Ftk, standin: Any) -> None:
    far.wait_for(lambda: not standin.containers())


def test_a_killed_client_changes_nothing_and_another_attaches(
    far: Ftk, slow_subject: Subject, standin: Any, wait_for_step: Callable[[int], None], tmp_path: Path
) -> None:
    engine = far.folder / "abacus.py"
    count = '        self.state["step"] += 1\n'
    assert count in engine.read_text()
    heard = f"""{count}        print(f"step {{self.state['step']}} was done", flush=True)\n"""
    engine.write_text(engine.read_text().replace(count, heard))
    client = far.start("run", "config.yml", "--plugin", "abacus.py", "--set", "max_steps=300")
    wait_for_step(1)
    os.kill(client.pid, signal.SIGKILL)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    variables = {**far.variables, "FTK_RUNS_DIR": str(elsewhere / "runs"), "FTK_CACHE_DIR": str(elsewhere / "cache")}
    other = Ftk(elsewhere, far.runs, elsewhere / "cache", variables)
    following = other.start("logs", "--follow")
    attached = other("attach")
    assert attached.returncode == 0, attached.stderr
    heard, _ = following.communicate(timeout=PATIENCE)
    assert following.returncode == 0
    assert heard.count("step 300 was done") == 1
    assert "train by abacus" in attached.stderr
    assert "adapter" in attached.stdout
    assert other("logs").returncode == 0
    assert _training_starts(far) == [0]
    _nothing_runs(far, standin)


@pytest.mark.parametrize("in_order", [False, True])
def test_a_driver_that_is_taken_away_starts_nothing_twice_and_ends_nothing(
    far: Ftk, slow_subject: Subject, standin: Any, wait_for_step: Callable[[int], None], in_order: bool
) -> None:
    run = _start(slow_subject, "--set", "max_steps=300")
    wait_for_step(1)
    container = standin.containers("drive")[0]["id"]
    if in_order:
        standin.interrupt(container)
    else:
        standin.kill(container, preempted=True)
    attached = far("attach", run)
    assert attached.returncode == 0, attached.stderr
    assert _training_starts(far) == [0]
    assert len(far.events("driver_started")) == 2
    assert [event["status"] for event in far.events("run_finished")] == ["finished"]
    steps = [event["step"] for event in far.events("metrics")]
    assert steps == list(range(1, 301))
    _nothing_runs(far, standin)


def test_a_training_whose_container_is_killed_twice_goes_on(far: Ftk, slow_subject: Subject, standin: Any) -> None:
    run = _start(slow_subject, "--set", "max_steps=400")
    for number in (1, 2):
        far.wait_for(lambda number=number: far.has_run() and len(_training_starts(far)) == number)
        # A step that was reported may be ahead of the checkpoint: a commit takes files one after another.
        start = _training_starts(far)[-1]
        far.wait_for(lambda start=start: _checkpoint_step(far) > start)
        standin.kill(standin.containers("execute")[0]["id"], preempted=number == 1)
    assert far("attach", run).returncode == 0
    first, second, third = _training_starts(far)
    assert first == 0
    assert 0 < second < third
    assert far.events("metrics")[-1]["step"] == 400
    assert len(far.events("driver_started")) == 1


def test_a_training_that_its_timeout_cuts_goes_on(far: Ftk, slow_subject: Subject) -> None:
    done = far("run", "config.yml", "--plugin", "abacus.py", "--set", "max_steps=800", "--set", "ftk.modal.timeout=12s")
    assert done.returncode == 0, done.stderr
    starts = _training_starts(far)
    assert len(starts) > 1
    assert starts[-1] > 0
    assert far.events("metrics")[-1]["step"] == 800
    assert [event["status"] for event in far.events("run_finished")] == ["finished"]


def test_cancel_leaves_nothing_running(
    far: Ftk, slow_subject: Subject, standin: Any, wait_for_step: Callable[[int], None]
) -> None:
    run = _start(slow_subject, "--set", "max_steps=400")
    wait_for_step(1)
    assert far("cancel", run).returncode == 0
    _nothing_runs(far, standin)
    assert far.events("run_finished")[-1]["status"] == "cancelled"
    done = far.events("metrics")[-1]["step"]
    assert done < 400
    resumed = far("run", "--resume", run, "--set", "ftk.modal.timeout=")  # which means the default again
    assert resumed.returncode == 0, resumed.stderr
    assert _training_starts(far)[-1] == done


def test_a_visit_ends_when_whoever_waits_for_it_is_gone(far: Ftk, subject: Subject, standin: Any) -> None:
    engine = far.folder / "abacus.py"
    slow = 'if __name__ == "__main__":\n    while Path("slow").exists(): __import__("time").sleep(1)'
    engine.write_text(engine.read_text().replace('if __name__ == "__main__":', slow, 1))
    done = far("run", "config.yml", "--plugin", "abacus.py")
    assert done.returncode == 0, done.stderr
    (far.run_folder() / "slow").write_text("")
    (far.folder / "sitecustomize.py").write_text("import ftk_modal.visits\nftk_modal.visits.BEAT = 3\n")
    client = far.start("infer", "hello", PYTHONPATH=str(far.folder))
    far.wait_for(lambda: standin.containers("execute"))
    client.kill()
    _nothing_runs(far, standin)
    assert not list(far.run_folder().glob("generate-*"))


def test_a_failed_stage_leaves_its_output_and_can_be_resumed(far: Ftk, subject: Subject, standin: Any) -> None:
    before = len(standin.calls())
    engine = far.folder / "abacus.py"
    source = engine.read_text()
    trap = 'if __name__ == "__main__":\n    if not Path("mended").exists(): sys.exit("out of luck")'
    engine.write_text(source.replace('if __name__ == "__main__":', trap, 1))
    failed = far("run", "config.yml", "--plugin", "abacus.py", "--gpu", "a10:2")
    assert failed.returncode == 1
    assert "out of luck" in failed.stderr
    assert "out of luck" in far("logs").stdout
    (far.run_folder() / "mended").write_text("")
    resumed = far("run", "--resume", "latest")
    assert resumed.returncode == 0, resumed.stderr
    assert len(far.events("stage_started")) > 0
    assert [event["stage"] for event in far.events("stage_skipped")][:2] == ["stage_data", "prepare_model"]
    # The GPUs are for what trains and answers; the driver, which stages the data, has none.
    made = {(item["function"], item["gpus"]) for item in standin.calls()[before:]}
    assert made == {("drive", 0), ("execute_on_gpu", 2)}


def test_a_driver_bears_that_the_service_is_away_for_a_while(
    far: Ftk, slow_subject: Subject, standin: Any, wait_for_step: Callable[[int], None]
) -> None:
    run = _start(slow_subject, "--set", "max_steps=300")
    wait_for_step(1)
    for method in ("VolumeListFiles2", "VolumePutFiles2", "FunctionGetOutputs"):
        standin.fail(method, "UNAVAILABLE", 12, source="drive")
    attached = far("attach", run)
    assert attached.returncode == 0, attached.stderr
    assert _training_starts(far) == [0]
    assert standin.failures_left("VolumeListFiles2", source="drive") == 0


def test_a_run_is_not_called_cancelled_while_its_training_works(
    far: Ftk, slow_subject: Subject, standin: Any, wait_for_step: Callable[[int], None]
) -> None:
    engine = far.folder / "abacus.py"
    stop = "signal.signal(signal.SIGTERM, self._stop)"
    source = engine.read_text()
    assert stop in source
    engine.write_text(source.replace(stop, "signal.signal(signal.SIGTERM, signal.SIG_IGN)"))
    run = _start(slow_subject, "--set", LONG)
    wait_for_step(1)
    asked = far.start("cancel", run)
    far.wait_for(lambda: list(far.run_folder().glob(".modal/*.stop")))
    standin.fail("VolumeListFiles2", "UNAVAILABLE", 20, source="drive")
    far.wait_for(lambda: standin.failures_left("VolumeListFiles2", source="drive") == 0)
    assert standin.containers("execute")
    assert not far.events("run_finished")
    assert far("cancel", run, "--now").returncode == 0
    asked.communicate(timeout=PATIENCE)
    _nothing_runs(far, standin)
    assert [event["status"] for event in far.events("run_finished")] == ["cancelled"]
    assert not list(far.run_folder().glob(".modal/*.stop"))


def test_a_training_is_done_on_the_gpus_and_can_be_stopped_at_once(
    far: Ftk, slow_subject: Subject, standin: Any, wait_for_step: Callable[[int], None]
) -> None:
    run = _start(slow_subject, "--gpu", "a10:2", "--set", LONG)
    wait_for_step(1)
    assert sorted(item["function"] for item in standin.containers()) == ["drive", "execute_on_gpu"]
    assert far("cancel", run, "--now").returncode == 0
    _nothing_runs(far, standin)
    assert far.events("run_finished")[-1]["status"] == "cancelled"


def test_of_two_drivers_that_begin_at_once_one_gives_way(far: Ftk, subject: Subject, standin: Any) -> None:
    done = far("run", "config.yml", "--plugin", "abacus.py", "--until", "stage_data")
    assert done.returncode == 0, done.stderr
    _nothing_runs(far, standin)
    backend, run = subject.backend(), subject.newest()
    assert isinstance(backend, ModalBackend)
    drive, variables = backend._prepared(run.id, "drive", run.config().values)
    standin.delay("VolumePutFiles2", 3, source="drive")  # so that both have looked before any has written
    calls = [drive.spawn(run.id, ["--until", "stage_data"], variables) for _ in range(2)]
    codes = [call.get(timeout=PATIENCE) for call in calls]
    standin.delay("VolumePutFiles2", 0, source="drive")
    assert sorted(codes) == [SUPERSEDED, 0]
    assert len(far.events("driver_started")) == 2
