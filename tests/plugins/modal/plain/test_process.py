"""The stand-in as a process: what it leaves behind."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from standin import running

HERE = Path(__file__).parent

STARTER = f"""\
import os, subprocess, sys
sys.path.insert(0, {str(HERE.parent)!r})
from standin import running
with running.start() as standin:
    standin.put_secret("named", FROM_NAMED="x")
    os.environ.update(standin.variables)
    deploy = [sys.executable, "-m", "modal", "deploy", {str(HERE / "app.py")!r}]
    subprocess.run(deploy, check=True, stdout=subprocess.DEVNULL)
    import modal
    modal.Function.from_name("plain", "wait").spawn(600)
    while not any(one["inputs"] for one in standin.containers("wait")):
        pass
    print(standin.folder, standin.containers("wait")[0]["pid"], flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
@pytest.mark.parametrize("dies", [signal.SIGKILL, None])
def test_nothing_is_left_when_whoever_started_it_ends(standin, until, dies):
    """Also when the starter is killed; without a signal, it comes to its end."""
    starter = [sys.executable, "-c", STARTER]
    with subprocess.Popen(starter, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        folder, container = started.stdout.readline().split()
        if dies:
            started.send_signal(dies)
    until(lambda: not Path(folder).exists())
    assert not Path("/proc", container).exists()
    assert folder not in subprocess.run(["ps", "ax"], capture_output=True, text=True).stdout


@pytest.mark.slow
def test_user_namespaces_are_enough(run, wheel):
    """Here root uses one too, as others must."""
    script = """if True:
        import modal, urllib.request
        print(modal.Function.from_name("plain", "entry_points").remote("plain.bells"))
        modal.Function.from_name("plain", "write").remote("written", 5)
        print(modal.Volume.from_name("shelf").listdir("/")[0].size)
        print(urllib.request.urlopen(modal.Cls.from_name("plain", "Pages")().serve.get_web_url()).status)"""
    with running.start(rootless=True) as own:
        own.put_secret("named", FROM_NAMED="x")
        run("modal", "deploy", HERE / "app.py", PLAIN_WHEEL=str(wheel), **own.variables)
        assert run("python", "-c", script, **own.variables) == "['ding']\n5\n200\n"
