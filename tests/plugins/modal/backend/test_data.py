"""Data are checked before anything is sent, and sent once."""

import json
import random
import subprocess
import sys
from typing import Any

import pytest

from ftk.testing.backends import Subject
from ftk.testing.calls import Ftk

pytestmark = pytest.mark.slow

MB = 1_000_000


def test_bad_data_are_told_before_anything_is_sent(far: Ftk, subject: Subject, standin: Any) -> None:
    before = len(standin.requests())
    (far.folder / "data.jsonl").write_text('{"question": "no answer"}\n')
    done = far("run", "config.yml", "--plugin", "abacus.py")
    assert done.returncode == 2
    assert "data.jsonl:1" in done.stderr
    assert len(standin.requests()) == before


def test_data_are_sent_once(far: Ftk, subject: Subject, standin: Any) -> None:
    number = random.Random(0)
    with (far.folder / "data.jsonl").open("w") as stream:
        for _ in range(10_000):  # rows of 20 kB: a batch that is being tokenised is not left before its end
            row = {"question": "what?", "answer": number.randbytes(MB // 100).hex()}
            stream.write(json.dumps(row) + "\n")
    size = (far.folder / "data.jsonl").stat().st_size
    call = ("run", "config.yml", "--plugin", "abacus.py", "--detach")
    sent = []
    for _ in range(2):
        before = standin.sent()
        done = far(*call)
        assert done.returncode == 0, done.stderr
        sent.append(standin.sent() - before)
        far("cancel", "latest")  # only what is sent counts here
        far.wait_for(lambda: not standin.containers())
    assert size > 200 * MB
    assert sent[0] > size
    assert sent[1] < MB
    assert "MB" in done.stderr


def test_data_of_a_volume_are_not_sent(far: Ftk, subject: Subject, standin: Any) -> None:
    rows = (far.folder / "data.jsonl").read_text()
    make = "import modal, sys; v = modal.Volume.from_name('mine', create_if_missing=True, version=2)\n"
    put = "with v.batch_upload(force=True) as batch: batch.put_file('data.jsonl', '/rows.jsonl')"
    made = subprocess.run([sys.executable, "-c", make + put], cwd=far.folder, env=far.environment({}))
    assert made.returncode == 0
    (far.folder / "data.jsonl").unlink()
    sets = ("--set", "datasets.0.path=backend:/mine/rows.jsonl", "--set", "ftk.modal.volumes={/mine: mine}")
    done = far("run", "config.yml", "--plugin", "abacus.py", *sets)
    assert done.returncode == 0, done.stderr
    assert f"{len(rows.splitlines()) - 2} rows to train on" in done.stderr
