"""Calls that outlive their client, fail, are repeated, or are stopped."""

import os
import signal
import subprocess
import sys

import modal
import pytest

pytestmark = pytest.mark.usefixtures("client")


def test_another_process_attaches_to_a_call_whose_client_was_killed(deployed, run):
    spawn = f"modal.Function.from_name('{deployed}', 'double').spawn(4)"
    script = [sys.executable, "-c", f"import modal; print({spawn}.object_id, flush=True); input()"]
    with subprocess.Popen(script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        id = client.stdout.readline().strip()
        client.send_signal(signal.SIGKILL)
    call = modal.FunctionCall.from_id(id)
    assert call.get(timeout=30) == 8
    assert "doubling 4\n" in [entry.message for entry in call.logs.stream()]
    assert run("python", "-c", f"import modal; print(modal.FunctionCall.from_id('{id}').get(timeout=0))") == "8\n"


def test_a_result_that_is_not_there_yet_is_a_timeout(deployed):
    call = modal.Function.from_name(deployed, "wait").spawn(600)
    with pytest.raises(TimeoutError):
        call.get(timeout=0)
    call.cancel()


def test_cancelling_a_call_stops_its_work(deployed, standin, until):
    call = modal.Function.from_name(deployed, "wait").spawn(600)
    until(lambda: "waiting" in standin.output(call.object_id))
    call.cancel()
    with pytest.raises(modal.exception.RemoteError):
        call.get(timeout=10)
    until(lambda: not any(one["inputs"] for one in standin.containers("wait")))


def test_cancelling_a_call_can_end_its_container_and_all_processes_in_it(deployed, standin, until):
    beside = 100_000 + os.getpid()
    call = modal.Function.from_name(deployed, "wait").spawn(600, beside)
    until(lambda: "waiting" in standin.output(call.object_id))
    assert subprocess.run(["pgrep", "-f", f"^sleep {beside}"], stdout=subprocess.DEVNULL).returncode == 0
    call.cancel(terminate_containers=True)
    until(lambda: not standin.containers("wait"))
    assert subprocess.run(["pgrep", "-f", f"^sleep {beside}"]).returncode == 1


@pytest.mark.slow
def test_a_function_that_takes_too_long_is_stopped(deployed, standin, until):
    with pytest.raises(modal.exception.FunctionTimeoutError):
        modal.Function.from_name(deployed, "sleep").remote(600)
    until(lambda: not standin.containers("sleep"))


def test_a_call_that_fails_is_repeated_as_often_as_the_function_says(deployed):
    assert modal.Function.from_name(deployed, "count_attempts").remote("failing", 3) == 3


@pytest.mark.parametrize("preempted", [True, False])
def test_a_call_goes_on_in_another_container_when_its_own_was_killed(deployed, standin, until, preempted):
    """Without preemption it counts as an attempt; here it may have two more."""
    name = f"killed-{preempted}"
    call = modal.Function.from_name(deployed, "count_attempts").spawn(name, 3, seconds=600)
    marks = standin.volume("shelf") / name
    for number in (1, 2):
        until(lambda: marks.exists() and marks.stat().st_size == number)  # noqa: B023
        (container,) = [one for one in standin.containers("count_attempts") if one["inputs"]]
        standin.kill(container["id"], preempted=preempted)
    assert call.get(timeout=30) == 3
    outputs = [one.message.outputs for one in standin.requests("FunctionPutOutputs")]
    attempts = {one.retry_count for items in outputs for one in items if one.input_id == container["inputs"][0]}
    assert attempts == ({0} if preempted else {2})


@pytest.mark.slow
def test_kills_use_up_the_attempts_of_a_call(deployed, standin, until):
    call = modal.Function.from_name(deployed, "count_attempts").spawn("killed-often", 9, seconds=600)
    marks = standin.volume("shelf") / "killed-often"
    for number in (1, 2, 3):
        until(lambda: marks.exists() and marks.stat().st_size == number)  # noqa: B023
        (container,) = [one for one in standin.containers("count_attempts") if one["inputs"]]
        standin.kill(container["id"], preempted=False)
    with pytest.raises(modal.exception.RemoteError, match="exit status"):
        call.get(timeout=10)
