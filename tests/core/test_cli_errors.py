"""Wrong calls: one clear line, exit code 2, and nothing is left behind."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from errno import EPIPE
from pathlib import Path
from typing import Any

import click
import pytest

from ftk.errors import FtkError, Notice, Problem
from ftk.plugin import hookimpl

CONFIG = "base_model: org/name\ndatasets: [{path: rows.jsonl, type: {}}]\n"
TWO_SETS = "base_model: org/name\ndatasets: [{path: rows.jsonl, type: {}}, {path: rows.jsonl, type: {}}]\n"

Called = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def inputs(tmp_path: Path) -> None:
    """A good config and a good data file, and some bad ones, in the current folder."""
    (tmp_path / "good.yml").write_text(CONFIG)
    (tmp_path / "two.yml").write_text(TWO_SETS)
    (tmp_path / "rows.jsonl").write_text('{"instruction": "a", "output": "b"}\n')
    (tmp_path / "no_data.yml").write_text(CONFIG.replace("rows.jsonl", "absent.jsonl"))
    (tmp_path / "many.yml").write_text(CONFIG + "lora_r: x\nlorar: 1\nftk: {stages: {merge: zzz}}\n")
    (tmp_path / "broken.yml").write_text("a: [1\nb: 2\n")
    (tmp_path / "binary.yml").write_bytes(b"\x00\x01\x02")
    (tmp_path / "image.yml").write_bytes(b"\x89PNG\r\n")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")


def assert_nothing_is_left(folder: Path) -> None:
    """No run was made, and not even a half one."""
    runs = folder / "runs"
    assert not runs.exists() or list(runs.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "name a config to start a run, or --resume RUN to go on with one"),
        (["run", "good.yml", "--resume", "x"], "name a config to start a run, or --resume RUN to go on with one"),
        (["run", "good.yml", "--from", "merge"], "--from goes with --resume"),
        (["run", "good.yml", "--until", "merg"], "'merg' is not one of"),
        (["run", "--resume", "x", "--data", "rows.jsonl"], "--data, --plugin, --name and --dry-run go with a new"),
        (["run", "good.yml", "--lora-r", "8"], "No such option"),
        (["rnu"], "No such command 'rnu'. Did you mean 'run'?"),
        (["zzz"], "No such command 'zzz'."),
        (["run", "--resume", "x", "--from", "merge", "--until", "train"], "--from merge begins after --until train"),
        (["run", "good.yml", "--logger", "none", "--logger", "x"], "--logger none is for no logger at all"),
        (["run", "good.yml", "--name", ""], "the text is empty; is a variable of the shell unset?"),
        (["show", "--json", "--report"], "--json does not go with --report"),
        (["infer"], "name one of these: a PROMPT (or - for standard input), --field, or --input"),
        (
            ["infer", "x", "--field", "q=x"],
            "name one of these: a PROMPT (or - for standard input), --field, or --input",
        ),
        (["infer", "x", "--output", "x.jsonl"], "--output goes with --input"),
        (["infer", "x", "--seed", "1"], "they need a --temperature above 0"),
        (["infer", "--field", "x"], "--field x: write --field NAME=TEXT"),
        (["infer", "x", "--temperature", "-1"], "-1.0 is not in the range"),
        (["infer", "x", "--temperature", "inf"], "inf is not in the range"),
        (["infer", "x", "--temperature", "nan"], "nan is no number"),
        (["infer", "x", "--stop", ""], "the text is empty; is a variable of the shell unset?"),
        *((command, "the text is no UTF-8") for command in (["infer", "x", "--stop", "\udcff"], ["chat", "\udcff"])),
        (["chat", "--system", "\udcff"], "the text is no UTF-8"),
        (["infer", "x", "--url", "http://127.0.0.1:9", "--run", "x"], "--url does not go with --run"),
        (["infer", "x", "--model", "x"], "--model and --api-key-env go with --url"),
        *(([command, "--all"], "--all goes with --stop") for command in ("serve", "deploy")),
        *(([command, "x", "y", "--base"], "name one run") for command in ("serve", "deploy")),
        *(([command, "x", "--list"], "--list does not go with RUN") for command in ("serve", "deploy")),
        (["serve", "--list", "--stop", "--all"], "--list does not go with --stop and --all"),
        (["serve", "--stop", "--json", "--port", "1"], "--stop does not go with --port and --json"),
        (["serve", "--stop", "--all", "x"], "--all does not go with RUN"),
        (["serve", "x", "--api-key", "x", "--api-key-env", "Y"], "--api-key does not go with --api-key-env"),
        (["serve", "x", "--api-key", ""], "the text is empty; is a variable of the shell unset?"),
        (["serve", "--port", "70000"], "70000 is not in the range"),
        (["chat", "x", "--url", "http://127.0.0.1:9"], "--url does not go with RUN"),
        (["chat", "--model", "x"], "--model and --api-key-env go with --url"),
        (["chat", "--seed", "1"], "they need a --temperature above 0"),
        (["chat", "--raw", "--system", "x"], "--system goes through the chat template"),
        *(
            ([*command, "9" * 20], "99999999999999999999 is not in the range")
            for command in (
                ["inspect", "x", "--limit"],
                ["eval", "x", "--rows"],
                *([command, "--max-new-tokens"] for command in ("eval", "infer", "chat")),
                *(["infer", "x", "--temperature", "1", option] for option in ("--top-k", "--seed")),
            )
        ),
        (["inspect", ""], "the text is empty; is a variable of the shell unset?"),
        (["cancel"], "Missing argument 'RUN'"),
        (["rm", ""], "the text is empty; is a variable of the shell unset?"),
        (["rm"], "Missing argument 'RUN...'"),
        (["merge"], "Missing argument 'RUN'"),
        (["validate"], "Missing argument 'CONFIG'"),
        (["completion", "tcsh"], "'tcsh' is not one of 'bash', 'zsh', 'fish'"),
    ],
)
def test_a_wrong_call_is_told_with_the_usage(call: Called, tmp_path: Path, arguments: list[str], message: str) -> None:
    code, output, errors = call(*arguments)
    assert (code, output) == (2, "")
    assert errors.startswith("Usage: ftk")
    last = errors.splitlines()[-1]
    assert last.startswith("Error: ")
    assert message in last
    assert_nothing_is_left(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["serve", "--stop", "8000"], "there is no server '8000'"),
        (["serve", "--stop"], "0 servers are there"),
        (["serve"], "no run has trained a model yet"),
        (["chat", "--url", "moon"], "'moon' is no address of a server"),
        (["chat", "--url", "http://127.0.0.1:9"], "nothing answers at http://127.0.0.1:9"),
        (["chat", "--url", "http://127.0.0.1:9", "--api-key-env", "NOT_SET"], "NOT_SET is not set"),
    ],
)
def test_a_server_that_is_not_there_is_told(call: Called, arguments: list[str], message: str) -> None:
    code, output, errors = call(*arguments)
    assert (code, output) == (2, "")
    assert message in errors


@pytest.mark.parametrize(
    ("arguments", "message", "remedy"),
    [
        (["run", "absent.yml"], "absent.yml: No such file or directory", "name a YAML file"),
        (["run", "folder"], "folder: Is a directory", "name a YAML file"),
        (["run", "image.yml"], "image.yml: is no text in UTF-8 (byte 0)", "save the file as UTF-8"),
        (["run", "good.yml", "--set", "lora_r"], "--set lora_r: there is no value", "--set lora_r=8"),
        (["show"], "there are no runs in ", "start one: `ftk run"),
        (["logs"], "there are no runs in ", "start one: `ftk run"),
        (["attach"], "there are no runs in ", "start one: `ftk run"),
        (["cancel", "x"], "there are no runs in ", "start one: `ftk run"),
        (["run", "--resume", "x"], "there are no runs in ", "start one: `ftk run"),
        (["rm", "x"], "there are no runs in ", "start one: `ftk run"),
        (["merge", "x"], "there are no runs in ", "start one: `ftk run"),
        (["validate", "absent.yml"], "absent.yml: No such file or directory", "name a YAML file"),
        (["run", "good.yml", "--name", "a b"], "a run cannot be named 'a b'", "use up to 40 letters"),
        (["run", "good.yml", "--name", "latest"], "a run cannot be named 'latest'", "use up to 40 letters"),
        (["infer", "hello"], "no run has trained a model yet", "start one: `ftk run"),
        (["infer", "--input", "x.jsonl"], "x.jsonl: No such file or directory", "name a file of JSON lines"),
        (["infer", "--input", "image.yml"], "image.yml: is no text in UTF-8 (byte 0)", "save the file as UTF-8"),
        *(
            (["infer", "--input", "rows.jsonl", "--output", target], message, "leave out --output")
            for target, message in {
                "folder": "folder is a folder",
                "/dev/null": "/dev/null is no plain file",
                "pipe": "pipe is no plain file",
                "good.yml/x": "good.yml is a file, not a folder",
            }.items()
        ),
        (
            ["run", "two.yml", "--data", "rows.jsonl"],
            "--data rows.jsonl: the config has 2 data sets",
            "set their paths",
        ),
        (
            ["run", "good.yml", "--backend", "moon"],
            "no plugin brings the backend 'moon'",
            "plugins that bring one: place",
        ),
        (["runs", "--backend", "plase"], "no plugin brings the backend 'plase'", "did you mean 'place'?"),
        *(
            (
                ["run", "good.yml", "--name", name, "--dry-run"],
                f"a run cannot be named {name!r}",
                "use up to 40 letters",
            )
            for name in ("../x", "latest", "x" * 300)
        ),
        *(
            (command, "good.yml is a file, not a folder", "--runs-dir or FTK_RUNS_DIR")
            for command in (
                ["runs", "--runs-dir", "good.yml"],
                ["run", "good.yml", "--dry-run", "--runs-dir", "good.yml/x"],
            )
        ),
        (["plugins", "new", "stub", "--kind", "logger"], "there is a plugin 'stub' already", "choose another name"),
    ],
)
def test_an_expected_error_is_one_line_and_a_remedy(
    call: Called, tmp_path: Path, arguments: list[str], message: str, remedy: str
) -> None:
    code, output, errors = call(*arguments)
    assert (code, output) == (2, "")
    first, second = errors.splitlines()
    assert first.startswith(f"error: {message}")
    assert remedy in second
    assert_nothing_is_left(tmp_path)


def test_a_name_that_is_too_long_for_the_disk_is_told(call: Called) -> None:
    name = "x" * 300
    assert call("runs", "--runs-dir", name) == (1, "", f"error: {name}: File name too long\n  use a shorter name\n")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["run", "binary.yml"], "binary.yml: is no YAML: it holds the character #x0000"),
        (["run", "broken.yml"], "broken.yml:2: is no YAML: "),
        (["run", "no_data.yml"], "no_data.yml:2: there is no data file "),
        (["run", "good.yml", "--data", "absent.jsonl"], "--data absent.jsonl: there is no data file "),
        (["run", "good.yml", "--data", "folder"], "--data folder: "),
        (["run", "good.yml", "--set", "datasets.5.path=x"], "--set datasets.5.path: there is no such place"),
        (["run", "good.yml", "--set", "datasets.path=x"], "--set datasets.path: there is no such place"),
        (["run", "good.yml", "--set", "lora_r=many"], "--set lora_r: `lora_r` is 'many', but must be a whole number"),
        (["run", "good.yml", "--set", "lora_r=[1"], "--set lora_r:1: is no YAML"),
        (["run", "good.yml", "--engine", "stbu"], "--engine: no plugin 'stbu' provides train; did you mean"),
    ],
)
def test_a_problem_is_one_line_with_its_place(call: Called, tmp_path: Path, arguments: list[str], problem: str) -> None:
    for more in ([], ["--dry-run"]):
        code, output, errors = call(*arguments, *more)
        assert (code, output) == (2, "")
        assert errors.startswith(f"error: {problem}")
        assert len(errors.splitlines()) == 1
        assert_nothing_is_left(tmp_path)


def test_all_problems_are_told_a_line_each(call: Called) -> None:
    code, _, errors = call("run", "many.yml")
    assert code == 2
    assert re.findall(r"many\.yml:(\d)", errors) == ["5", "3"]  # without all providers no key is unknown


def test_what_plugins_find_wrong_is_told_before_anything_is_made(
    call: Called, install: Callable[..., None], engine: Any, tmp_path: Path
) -> None:
    class Strict:
        @hookimpl
        def check(self, config: Any, formats: Mapping[str, Any]) -> list[Problem]:
            return [Problem(config.place(("base_model",)), "is too large", "rent more")]

    install(stub=engine, strict=Strict())
    code, _, errors = call("run", "good.yml")
    assert (code, errors) == (2, "error: good.yml:1: is too large; rent more\n")
    assert_nothing_is_left(tmp_path)


@pytest.mark.parametrize("command", [("validate",), ("run", "--dry-run")])
def test_a_notice_is_told_and_stops_nothing(
    call: Called, install: Callable[..., None], engine: Any, place: Any, command: tuple[str, ...]
) -> None:
    class Careful:
        @hookimpl
        def check(self, config: Any, formats: Mapping[str, Any]) -> list[Problem]:
            return [Notice(config.place(("base_model",)), "is large", "rent a lot")]

    install(stub=engine, place=place, careful=Careful())
    code, output, errors = call(*command, "good.yml")
    assert (code, errors) == (0, "warning: good.yml:1: is large; rent a lot\n")
    assert "train by stub" in output


def test_an_unknown_run_is_told_and_several_are_named(call: Called, tmp_path: Path) -> None:
    for name in ("ftk-1", "ftk-2"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    assert call("show", "zzz") == (2, "", f"error: there is no run 'zzz' in {tmp_path}/runs\n  `ftk runs` lists them\n")
    assert call("show", "ftk") == (2, "", "error: 2 runs begin with 'ftk'\n  name one: ftk-1, ftk-2\n")


def test_a_missing_provider_names_the_broken_plugin(call: Called, install: Callable[..., None]) -> None:
    install(engine=ImportError("No module named 'x'"))
    code, _, errors = call("run", "good.yml")
    assert code == 2
    assert "no plugin provides train; plugin 'engine' is broken: ImportError: No module named 'x'" in errors


@pytest.mark.parametrize(
    ("error", "code"), [(FtkError("no", "do"), 1), (click.Abort(), 130), (KeyboardInterrupt(), 130)]
)
def test_each_kind_of_end_has_its_exit_code(
    call: Called, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("ftk.hooks.loading.find_plugins", fail)
    assert call("plugins")[0] == code


def test_an_unexpected_error_keeps_its_traceback(call: Called, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ftk.hooks.loading.find_plugins", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        call("plugins")


def test_a_broken_plugin_harms_no_command(call: Called, install: Callable[..., None]) -> None:
    install(good=object(), odd=ImportError("No module named 'x'"))
    code, output, errors = call("plugins")
    assert (code, errors) == (0, "")
    good, odd, reason = output.splitlines()
    assert good.split()[:2] == ["good", "works"]
    assert odd.split()[:2] == ["odd", "broken"]
    assert reason.endswith("ImportError: No module named 'x'")


@pytest.mark.parametrize("arguments", [["run", "absent.yml"], ["run", "good.yml", "--set", "x"], ["rnu"]])
def test_the_real_command_ends_so_too(tmp_path: Path, arguments: list[str]) -> None:
    ftk = Path(sys.executable).with_name("ftk")
    done = subprocess.run([ftk, *arguments], cwd=tmp_path, env=os.environ, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert_nothing_is_left(tmp_path)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["show", "--help"], ["plugins"], ["schema"]])
def test_a_reader_that_has_enough_is_no_error(tmp_path: Path, arguments: list[str]) -> None:
    assert unread(tmp_path, arguments, stderr=subprocess.PIPE) == (0, "")


def test_news_that_nobody_reads_are_no_success(tmp_path: Path) -> None:
    """Such as those of `ftk run ... 2>&1 | head -1`, where the run goes on."""
    assert unread(tmp_path, ["--help"], stderr=subprocess.STDOUT) == (141, None)


def unread(folder: Path, arguments: list[str], stderr: int) -> tuple[int, str | None]:
    """Exit code and error output of a command whose output is a pipe without a reader."""
    reading, writing = os.pipe()
    os.close(reading)
    ftk = Path(sys.executable).with_name("ftk")
    done = subprocess.run([ftk, *arguments], cwd=folder, stdout=writing, stderr=stderr, text=True)
    os.close(writing)
    return done.returncode, done.stderr


def test_a_pipe_to_somebody_else_that_breaks_is_told(call: Called, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise BrokenPipeError(EPIPE, "Broken pipe")

    monkeypatch.setattr("ftk.hooks.loading.find_plugins", fail)
    code, output, errors = call("plugins")
    assert (code, output) == (1, "")
    assert errors.startswith("error: a process that ftk talks with has ended: [Errno 32] Broken pipe\n")
