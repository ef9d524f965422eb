"""Apps that run, are found, listed and stopped; what is deployed again replaces what was."""

import signal
import subprocess
import sys
from pathlib import Path

import modal
import pytest

pytestmark = pytest.mark.usefixtures("client")

SOURCE = """\
import modal

app = modal.App("small", image=modal.Image.debian_slim())

@app.function(timeout=300)
def number():
    print("the number is {number}")
    return {number}

@app.local_entrypoint()
def main():
    print("got", number.remote())
"""


@pytest.fixture
def small(tmp_path):
    """Writes an app whose function gives a number."""

    def write(number: int):
        (tmp_path / "small.py").write_text(SOURCE.replace("{number}", str(number)))
        return tmp_path / "small.py"

    return write


def test_an_app_that_runs_prints_the_logs_of_its_containers(run, small, standin):
    printed = run("modal", "run", small(7))
    assert "the number is 7" in printed
    assert "got 7" in printed
    assert standin.containers("number") == []


@pytest.mark.slow
def test_a_deployed_app_is_found_replaced_listed_and_stopped(run, small, standin):
    run("modal", "deploy", small(1))
    assert modal.Function.from_name("small", "number").remote() == 1
    run("modal", "deploy", small(2))
    assert modal.Function.from_name("small", "number").remote() == 2
    assert "small" in run("modal", "app", "list")
    messages = [entry.message for entry in modal.App.lookup("small").logs.tail(10)]
    assert messages == ["the number is 1\n", "the number is 2\n"]
    run("modal", "app", "stop", "small", "--yes")
    with pytest.raises(modal.exception.NotFoundError):
        modal.Function.from_name("small", "number").remote()


@pytest.mark.slow
def test_a_detached_app_goes_on_when_its_client_is_killed(small, standin, until):
    script = small(3)
    script.write_text(script.read_text().replace("    return", "    import time; time.sleep(2)\n    return"))
    command = [Path(sys.executable).with_name("modal"), "run", "--detach", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
        until(lambda: any(one["inputs"] for one in standin.containers("number")))
        client.send_signal(signal.SIGKILL)
    (call,) = [one.message for one in standin.requests("FunctionGetOutputs")[-1:]]
    assert modal.FunctionCall.from_id(call.function_call_id).get(timeout=30) == 3
