"""Asking a real model for many answers: in order, stopped, killed, and gone on with."""

import json
import signal
from typing import Any

import psutil
import pytest

from ftk.testing.calls import PATIENCE

COUNT = 120

QUESTIONS = [{"prompt": "what is " * (number % 7 + 1) + str(number)} for number in range(COUNT)]

OPTIONS = ("--temperature", "1.5", "--seed", "3", "--top-k", "40", "--max-new-tokens", "24", "--stop", "!")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, make_ftk: Any, write_tiny_config: Any) -> Any:
    """Calls ftk where a run has trained."""
    folder = tmp_path_factory.mktemp("infer")
    ftk = make_ftk(folder)
    done = ftk("run", write_tiny_config(folder), "--set", "max_steps=2", "--set", "ftk.evaluate.rows=0", "--no-merge")
    assert done.returncode == 0, done.stderr
    (folder / "prompts.jsonl").write_text("".join(json.dumps(item) + "\n" for item in QUESTIONS))
    return ftk


def ask(ftk: Any, name: str) -> tuple[str, ...]:
    return ("infer", "--input", "prompts.jsonl", "--output", name, *OPTIONS)


def generators(ftk: Any) -> list[psutil.Process]:
    """The processes that answer."""
    found = []
    for process in psutil.process_iter():
        try:
            if "ftk_transformers.generate" in process.cmdline() and str(ftk.runs) in " ".join(process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def answered(ftk: Any) -> int:
    return sum(len(path.read_text().splitlines()) for path in ftk.run_folder().glob("generate-*/answers.answers"))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_call_goes_on_where_it_stopped(trained: Any, number: signal.Signals) -> None:
    whole = trained.folder / "whole.jsonl"
    if not whole.exists():
        done = trained(*ask(trained, "whole.jsonl"))
        assert done.returncode == 0, done.stderr
        assert "tokens/s" in done.stderr
    process = trained.start(*ask(trained, f"{number.name}.jsonl"))
    trained.wait_for(lambda: answered(trained))
    process.send_signal(number)
    process.wait(PATIENCE)
    if number != signal.SIGKILL:
        assert process.returncode == 130
        assert process.stderr.read().endswith("stopped; the same call goes on\n")
    trained.wait_for(lambda: not generators(trained))
    before = answered(trained)
    assert 0 < before < COUNT
    assert not (trained.folder / f"{number.name}.jsonl").exists()

    done = trained(*ask(trained, f"{number.name}.jsonl"))
    assert done.returncode == 0, done.stderr
    assert (trained.folder / f"{number.name}.jsonl").read_text() == whole.read_text()
    assert not list(trained.run_folder().glob("generate-*"))


@pytest.mark.slow
def test_answers_come_in_the_order_of_the_questions_and_obey_the_options(trained: Any) -> None:
    done = trained(*ask(trained, "again.jsonl"))
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in (trained.folder / "again.jsonl").read_text().splitlines()]
    assert [answer["prompt"] for answer in answers] == [item["prompt"] for item in QUESTIONS]
    assert all(answer["tokens"] <= 24 and "!" not in answer["text"] for answer in answers)
    assert {answer["finish"] for answer in answers} <= {"stop", "length"}
    other = trained(*ask(trained, "other.jsonl"), "--seed", "4")
    assert other.returncode == 0, other.stderr
    assert (trained.folder / "other.jsonl").read_text() != (trained.folder / "again.jsonl").read_text()


@pytest.mark.slow
def test_fields_are_the_prompt_of_training(trained: Any) -> None:
    by_fields = trained("infer", "--field", "question=what is 9 and 9?", "--json")
    as_it_stands = trained("infer", "what is 9 and 9? ", "--json")
    assert by_fields.returncode == as_it_stands.returncode == 0
    assert json.loads(by_fields.stdout) == json.loads(as_it_stands.stdout)
