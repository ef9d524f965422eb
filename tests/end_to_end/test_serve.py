"""A run is served: what a person types and sees, and what is left behind by whatever end."""

import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ftk.testing.calls import PATIENCE, SCRIPTS, Ftk

WRONG = "--set=ftk.serve.arguments="


@pytest.fixture(scope="module")
def served_run(tmp_path_factory: pytest.TempPathFactory, make_ftk, write_toy_config) -> Ftk:
    """A run of the toy engine by the name `sums`, and one that has no model by the name `bare`."""
    ftk = make_ftk(tmp_path_factory.mktemp("served"))
    config = write_toy_config(ftk.folder)
    text = config.read_text().replace("generate: toy}", "generate: toy, serve: toy}")
    config.write_text(text.replace("ftk:\n", "ftk:\n  evaluate: {rows: 0}\n"))
    for arguments in (("--name", "bare", "--until", "stage_data"), ("--name", "sums", "--set", "max_steps=40")):
        done = ftk("run", config, *arguments)
        assert done.returncode == 0, done.stderr
    return ftk


@pytest.fixture
def ftk(served_run: Ftk) -> Iterator[Ftk]:
    """Calls ftk; no server is left at the end."""
    yield served_run
    if served_run.servers():
        served_run("serve", "--stop", "--all")
    served_run.kill_all()


def _start(ftk: Ftk, *arguments: str, **variables: str) -> dict[str, Any]:
    done = ftk("serve", "sums", "--port", "0", "--detach", "--json", *arguments, **variables)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _ask(url: str, prompt: str = "what is 2 and 2? ", key: str | None = None, model: str = "sums") -> str:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    request = urllib.request.Request(
        f"{url}/v1/completions", json.dumps({"model": model, "prompt": prompt}).encode(), headers
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        text: str = json.load(answer)["choices"][0]["text"]
    return text


def _is_free(url: str) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", int(url.rpartition(":")[2])))
        except OSError:
            return False
        return True


def _ready(process: "subprocess.Popen[str]") -> str:
    """The address that a server in the foreground tells."""
    assert process.stdout is not None
    return process.stdout.readline().split(" ")[0].strip()


def test_a_detached_server_answers_until_it_is_stopped_and_its_run_stays(ftk: Ftk) -> None:
    told = _start(ftk, TOY_KEY="of-another-server")
    assert (told["models"], told["key"]) == (["sums"], None)
    assert not any("--guarded" in item.cmdline() for item in ftk.servers())
    assert _ask(told["url"]) == "4"
    (ftk.folder / "link").symlink_to(ftk.runs)
    (row,) = json.loads(ftk("serve", "--list", "--json", "--runs-dir", "link").stdout)
    assert (row["id"], row["state"], row["url"]) == (told["id"], "ready", told["url"])
    refused = ftk("rm", "sums", "--yes")
    assert refused.returncode == 2
    assert "is being served" in refused.stderr and f"ftk serve --stop {told['id']}" in refused.stderr
    assert "nothing works on" in ftk("cancel", "sums").stdout
    assert _ask(told["url"]) == "4"
    assert ftk("serve", "--stop", told["id"]).stdout == f"{told['id']} is stopped\n"
    assert ftk.servers() == []
    assert _is_free(told["url"])


@pytest.mark.slow
def test_two_runs_are_served_at_once(ftk: Ftk) -> None:
    first, second = _start(ftk), _start(ftk, "--base")
    assert _ask(first["url"]) == "4"
    assert _ask(second["url"], model="toy:") == "17 characters"
    assert [row["id"] for row in json.loads(ftk("serve", "--list", "--json").stdout)] == [first["id"], second["id"]]
    refused = ftk("serve", "--stop")
    assert (refused.returncode, "2 servers are there" in refused.stderr) == (2, True)
    ftk("serve", "--stop", first["url"].rpartition(":")[2])
    assert _ask(second["url"], model="toy:") == "17 characters"


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_a_server_in_the_foreground(ftk: Ftk, number: signal.Signals) -> None:
    process = ftk.start("serve", "sums", "--port", "0")
    url = _ready(process)
    assert _ask(url) == "4"
    process.send_signal(number)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "is stopped" in errors
    assert ftk.servers() == []
    assert _is_free(url)


def test_ctrl_c_before_it_is_ready_leaves_nothing(ftk: Ftk) -> None:
    process = ftk.start("serve", "sums", "--port", "0", f'{WRONG}["--sleep"]')
    ftk.wait_for(lambda: len(ftk.servers()) == 3)  # keeper, guard and server
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert ftk.servers() == []


@pytest.mark.slow
def test_a_stubborn_server_with_a_child_is_ended_all_the_same(ftk: Ftk) -> None:
    told = _start(ftk, f'{WRONG}["--child"]')
    assert len(ftk.servers()) == 4
    ftk("serve", "--stop")
    assert ftk.servers() == []
    assert _is_free(told["url"])


def test_a_killed_server_is_told_and_leaves_nothing(ftk: Ftk) -> None:
    process = ftk.start("serve", "sums", "--port", "0", f'{WRONG}["--child"]')
    url = _ready(process)
    (server,) = [item for item in ftk.servers() if "ftk_toy.server" in item.cmdline()]
    server.kill()
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "the server was ended by signal 9: it was killed from outside" in errors
    ftk.wait_for(lambda: not ftk.servers())
    assert _is_free(url)
    assert _ask(_start(ftk)["url"]) == "4"


def test_a_killed_keeper_takes_its_server_along(ftk: Ftk) -> None:
    told = _start(ftk, f'{WRONG}["--child"]')
    keepers = [item for item in ftk.servers() if "ftk_local.keeper" in item.cmdline()]
    keeper = next(item for item in keepers if item.ppid() not in {other.pid for other in keepers})
    keeper.kill()
    ftk.wait_for(lambda: not ftk.servers())
    assert _is_free(told["url"])


def test_a_key_is_asked_for_and_nowhere_to_be_seen(ftk: Ftk) -> None:
    told = _start(ftk, "--api-key-env", "MY_KEY", MY_KEY="sesame-7431")
    assert told["key"] is None
    with pytest.raises(urllib.error.HTTPError, match="401"):
        _ask(told["url"])
    assert _ask(told["url"], key="sesame-7431") == "4"
    lines = [" ".join(item.cmdline()) for item in ftk.servers()]
    assert any(line.endswith(" --guarded") for line in lines)  # what its command has with a key alone
    marks = [item.environ()["FTK_SERVER"] for item in ftk.servers()]
    written = [path.read_text(errors="replace") for path in ftk.runs.rglob("*") if path.is_file()]
    assert not [text for text in [*lines, *marks, *written] if "sesame-7431" in text]
    assert _chat(ftk, "what is 2 and 2?\n", "--url", told["url"], FTK_API_KEY="sesame-7431").stdout == "4\n"
    refused = _chat(ftk, "what is 2 and 2?\n", "--url", told["url"])
    assert (refused.returncode, "wants another key" in refused.stderr) == (2, True)


@pytest.mark.slow
def test_another_host_gets_a_key_that_is_shown_once(ftk: Ftk) -> None:
    told = _start(ftk, "--host", "0.0.0.0")
    assert told["key"].startswith("ftk-")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        _ask(told["url"])
    assert _ask(told["url"], key=told["key"]) == "4"


@pytest.mark.slow
def test_the_lines_that_it_tells_work(ftk: Ftk, tmp_path: Path) -> None:
    process = ftk.start("serve", "sums", "--port", "0", FTK_API_KEY="sesame")
    assert process.stdout is not None
    told = [process.stdout.readline().rstrip("\n") for _ in range(7)]
    curl, program = told[2], "\n".join(told[4:7])
    variables = {**ftk.environment({}), "FTK_API_KEY": "sesame"}
    asked = subprocess.run(curl, shell=True, env=variables, capture_output=True, text=True, timeout=PATIENCE)
    assert json.loads(asked.stdout)["choices"][0]["message"]["content"].endswith(" characters"), asked.stderr
    asked = subprocess.run(
        [sys.executable, "-c", program], env=variables, capture_output=True, text=True, timeout=PATIENCE
    )
    assert asked.stdout.endswith(" characters\n"), asked.stderr
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)


DRILLS = {
    "an unknown run": (("serve", "moon"), 2, "there is no run 'moon'"),
    "a run without a model": (("serve", "bare"), 2, "has no tuned model yet"),
    "an unknown server": (("serve", "sums", "--server", "tody"), 2, "no plugin 'tody' provides serve; did you mean"),
    "a wrong host": (("serve", "sums", "--host", "192.0.2.7"), 2, "nothing can listen on 192.0.2.7"),
    "a key with a space": (("serve", "sums", "--api-key", "a b"), 2, "no header can carry"),
    "a setting that it does not have": (("serve", "sums", "--set", "ftk.serve.dtype=float32"), 2, "toy has no setting"),
    "a setting that nobody has": (("serve", "sums", "--set", "ftk.serve.prot=1"), 2, "did you mean"),
    "a server that breaks": (("serve", "sums", f'{WRONG}["--crash"]'), 1, "exit code 1: the toy is broken"),
}


@pytest.mark.parametrize("name", DRILLS)
def test_what_is_wrong_is_told_in_a_line(ftk: Ftk, name: str) -> None:
    arguments, code, message = DRILLS[name]
    done = ftk(*arguments, "--port", "0")
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert message in done.stderr
    assert ftk.servers() == []


def test_a_port_in_use_is_told(ftk: Ftk) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = str(listener.getsockname()[1])
        done = ftk("serve", "sums", "--port", port)
    assert done.returncode == 2
    assert f"port {port} of 127.0.0.1 is in use" in done.stderr


def test_models_that_are_gone_are_told(ftk: Ftk) -> None:
    (run,) = ftk.runs.glob("*-sums")
    hidden = (run / "lora-out/merged").rename(run / "hidden")
    try:
        done = ftk("serve", "sums")
    finally:
        hidden.rename(run / "lora-out/merged")
    assert done.returncode == 2
    assert "is gone" in done.stderr and "makes it again" in done.stderr


def test_a_talk_line_by_line(ftk: Ftk) -> None:
    lines = "what is 2 and 2?\nwhat is 3 and 3?\n\n/reset\nwhat is 3 and 3?\n/quit\nwhat?\n"
    done = _chat(ftk, lines, "sums")
    assert done.stdout == "4\n34 characters\n6\n"
    assert (done.returncode, ftk.servers()) == (0, [])


@pytest.mark.slow
def test_a_talk_without_a_template_and_one_with_the_base(ftk: Ftk) -> None:
    assert _chat(ftk, "what is 3 and 3? \nwhy", "sums", "--raw").stdout == "6\n3 characters\n"
    assert _chat(ftk, "why\n", "sums", "--base", "--system", "be brief").stdout == "13 characters\n"


def _chat(ftk: Ftk, lines: str, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [f"{SCRIPTS}/ftk", "chat", *arguments],
        cwd=ftk.folder,
        env=ftk.environment(variables),
        input=lines,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_a_talk_at_a_terminal_can_be_interrupted(ftk: Ftk) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [f"{SCRIPTS}/ftk", "chat", "sums", f'{WRONG}["--halting"]'],
        cwd=ftk.folder,
        env=ftk.environment({"TERM": "dumb"}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=_own_terminal,
    )
    ftk.started.append(process)  # type: ignore[arg-type]
    os.close(theirs)
    shown = _Screen(ours)
    shown.until("> ")
    shown.type("why not try\n")
    shown.until("12 ")
    shown.interrupt()
    shown.type("what")
    shown.until("what")
    shown.interrupt()
    shown.type("/reset\nwhat is 2 and 2?\n")
    shown.until("4\r\n")
    shown.until("> ")  # before, the terminal would keep the end to itself
    shown.type("\x04")
    assert process.wait(timeout=PATIENCE) == 0
    assert ftk.servers() == []


def _own_terminal() -> None:
    """Make the terminal that of the process's session, so that Ctrl-C reaches it."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)


class _Screen:
    """What a terminal shows."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.shown = ""

    def type(self, text: str) -> None:
        """Type."""
        os.write(self.descriptor, text.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C until there is a prompt: Python's line editor may miss one that comes while it draws."""
        deadline = time.monotonic() + PATIENCE
        self.type("\x03")
        while not self._comes("> ", 2.0):
            assert time.monotonic() < deadline, f"Ctrl-C does nothing; shown is {self.shown!r}"
            self.type("\x03")

    def until(self, text: str) -> None:
        """Wait for a text, and forget everything before its end."""
        assert self._comes(text, PATIENCE), f"{text!r} does not come; shown is {self.shown!r}"

    def _comes(self, text: str, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            ready, _, _ = select.select([self.descriptor], [], [], max(0.0, deadline - time.monotonic()))
            # Whoever writes to it may have ended, which is an error.
            more = b""
            if ready:
                with suppress(OSError):
                    more = os.read(self.descriptor, 4096)
            if not more:
                return False
            self.shown += more.decode(errors="replace")
        self.shown = self.shown.partition(text)[2]
        return True


def test_infer_asks_a_server(ftk: Ftk) -> None:
    url = _start(ftk, FTK_API_KEY="secret-1")["url"]
    (ftk.folder / "two.jsonl").write_text('"what is 2 and 2? "\n{"prompt": "hello"}\n')
    one = ftk("infer", "what is 2 and 2? ", "--url", url, FTK_API_KEY="secret-1")
    assert (one.returncode, one.stdout) == (0, "4\n"), one.stderr
    many = ftk("infer", "--input", "two.jsonl", "--url", url, FTK_API_KEY="secret-1")
    assert [json.loads(line)["text"] for line in many.stdout.splitlines()] == ["4", "5 characters"]
    assert "  answered 2 of 2" in many.stderr
    assert not list(ftk.cache.glob("answers/*"))
    refused = ftk("infer", "hello", "--url", url, FTK_API_KEY="secret-2")
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"error: {url}/v1 wants another key")
    assert ftk("infer", "--field", "question=x", "--url", url, FTK_API_KEY="secret-1").returncode == 2


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)])
def test_a_stopped_call_with_many_questions_to_a_server_goes_on(ftk: Ftk, number: signal.Signals) -> None:
    count = 96
    url = _start(ftk, TOY_PAUSE="0.3")["url"]
    (ftk.folder / "many.jsonl").write_text("".join(f'"{"x" * length}"\n' for length in range(1, count + 1)))
    call = ("infer", "--input", "many.jsonl", "--output", f"{number.name}.jsonl", "--url", url)
    process = ftk.start(*call)
    ftk.wait_for(lambda: any(path.read_text().count("\n") for path in ftk.cache.glob("answers/*")))
    process.send_signal(number)
    _, errors = process.communicate(timeout=PATIENCE)
    if number == signal.SIGINT:
        assert (process.returncode, errors.endswith("stopped; the same call goes on\n")) == (130, True), errors
    (kept,) = (path.read_text().count("\n") for path in ftk.cache.glob("answers/*"))
    assert 0 < kept < count
    done = ftk(*call)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line)["text"] for line in (ftk.folder / f"{number.name}.jsonl").read_text().splitlines()]
    assert answers == [f"{length} characters" for length in range(1, count + 1)]
    assert not list(ftk.cache.glob("answers/*"))
