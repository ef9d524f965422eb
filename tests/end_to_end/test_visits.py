"""Work beside a run: it ends with whoever asked for it, and leaves nothing in the run."""

import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from ftk.testing.calls import PATIENCE, Ftk

POET = """\
from ftk.plugin import Environment, hookimpl, stage

@hookimpl
def environment(name):
    return Environment("poet", ("no_such_library",), "`pip install no-such-library`") if name == "poet" else None

@stage(revision=1, environment="poet")
def generate(run, model, prompts, output):
    raise AssertionError("it cannot work")
"""


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, make_ftk: Callable[[Path], Ftk], write_toy_config: Callable[[Path], Path]
) -> Ftk:
    """Calls ftk where a run has trained, whose model takes its time for each word."""
    folder = tmp_path_factory.mktemp("visits")
    ftk = make_ftk(folder)
    done = ftk("run", write_toy_config(folder), "--set", "ftk.evaluate.rows=0", "--no-merge")
    assert done.returncode == 0, done.stderr
    ftk.variables["TOY_PAUSE"] = "600"
    return ftk


def at_work(ftk: Ftk, module: str = "") -> list[psutil.Process]:
    """Everything that was started by a call of `ftk`, and the call itself.

    :param module: only what this is an argument of.
    """
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it is gone by now, or a zombie
            words = process.cmdline()
            if process.environ().get("FTK_RUNS_DIR") == str(ftk.runs) and (not module or module in words):
                found.append(process)
    return found


def names(ftk: Ftk) -> list[str]:
    return sorted(item.name for item in ftk.run_folder().iterdir())


def started(ftk: Ftk, *arguments: str) -> Any:
    """A call whose model is at its first word."""
    process = ftk.start("infer", "hello", *arguments)
    ftk.wait_for(lambda: at_work(ftk, "ftk_toy"))
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_visit_ends_with_whoever_asked_for_it(trained: Ftk, number: signal.Signals) -> None:
    before = names(trained)
    process = started(trained)
    assert names(trained) != before
    process.send_signal(number)
    output, errors = process.communicate(timeout=PATIENCE)
    if number != signal.SIGKILL:
        assert (process.returncode, output, errors) == (130, "", "stopped\n")
    trained.wait_for(lambda: not at_work(trained))
    assert names(trained) == before


def test_a_visit_that_was_killed_is_told_and_leaves_nothing(trained: Ftk) -> None:
    before = names(trained)
    process = started(trained)
    (visit,) = at_work(trained, "ftk.runs.visit")
    visit.kill()
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    run = trained.run_folder().name
    assert errors == f"error: the work beside {run} was ended by signal 9\n  `ftk logs {run}` may say why\n"
    trained.wait_for(lambda: not at_work(trained))
    assert names(trained) == before


def test_an_answer_is_printed_as_it_comes(trained: Ftk) -> None:
    process = trained.start("infer", "hello", TOY_PAUSE="2")
    assert process.stdout.read(2) == "5 "
    assert process.poll() is None
    assert process.communicate(timeout=PATIENCE)[0] == "characters\n"
    assert process.returncode == 0


def test_a_call_that_is_being_answered_already_is_refused_and_disturbs_nothing(trained: Ftk) -> None:
    (trained.folder / "questions.jsonl").write_text('"hello"\n')
    call = ("infer", "--input", "questions.jsonl")
    process = trained.start(*call)
    trained.wait_for(lambda: at_work(trained, "ftk_toy"))
    before = names(trained)
    second = trained(*call)
    assert second.returncode == 2
    assert "this very call is being answered" in second.stderr
    assert process.poll() is None
    assert names(trained) == before
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 130


def test_nobody_reads_on(trained: Ftk) -> None:
    process = trained.start("infer", "hello", TOY_PAUSE="0.5")
    process.stdout.close()
    process.wait(PATIENCE)
    assert (process.returncode, process.stderr.read()) == (0, "")
    trained.wait_for(lambda: not at_work(trained))


def test_who_cannot_answer_where_the_run_lives_is_told_before_anything_starts(
    tmp_path: Path, make_ftk: Callable[[Path], Ftk], write_toy_config: Callable[[Path], Path]
) -> None:
    ftk = make_ftk(tmp_path)
    (tmp_path / "poet.py").write_text(POET)
    call = ("run", write_toy_config(tmp_path), "--plugin", "poet.py", "--set", "ftk.stages.generate=poet")
    told = "generate by poet: no_such_library cannot be imported"
    refused = ftk(*call, "--set", "ftk.evaluate.rows=2")
    assert (refused.returncode, told in refused.stderr, ftk.has_run()) == (2, True, False)
    assert ftk(*call, "--set", "ftk.evaluate.rows=0").returncode == 0
    before = names(ftk)
    for visit in (("infer", "hello"), ("eval",)):
        refused = ftk(*visit)
        assert (refused.returncode, told in refused.stderr) == (2, True), refused.stderr
        assert "`pip install no-such-library`" in refused.stderr
    assert names(ftk) == before
