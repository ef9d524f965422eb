"""Secrets reach the processes that need them, and no other place."""

import json
from typing import Any

import pytest

from ftk.testing.backends import Subject
from ftk.testing.calls import Ftk

HUB = "hf_secret_of_this_machine"
NAMED = "kept-by-modal-5b1f"

PEEK = """
if __name__ == "__main__":
    import hashlib, os
    for name in ("HF_TOKEN", "MY_KEY"):
        print(name, hashlib.sha256(os.environ.get(name, "").encode()).hexdigest())
"""


@pytest.mark.slow
def test_no_secret_is_anywhere_but_in_the_environment_of_its_processes(
    far: Ftk, subject: Subject, standin: Any
) -> None:
    from hashlib import sha256

    engine = far.folder / "abacus.py"
    engine.write_text(
        engine.read_text().replace('\nif __name__ == "__main__":', PEEK + '\nif __name__ == "__main__":', 1)
    )
    standin.put_secret("mine", MY_KEY=NAMED)
    named = ("--set", "ftk.modal.secrets=[mine]")
    done = far("run", "config.yml", "--plugin", "abacus.py", *named, HF_TOKEN=HUB)
    assert done.returncode == 0, done.stderr
    printed = far("logs").stdout
    for name, value in (("HF_TOKEN", HUB), ("MY_KEY", NAMED)):
        assert f"{name} {sha256(value.encode()).hexdigest()}" in printed
    for value in (HUB, NAMED):
        assert standin.holding(value) == []
        assert value not in printed + done.stdout + done.stderr + far("show", "--json").stdout
        kept = [path for path in far.runs.rglob("*") if path.is_file() and value.encode() in path.read_bytes()]
        assert kept == []
    standin.delete_secret("mine")


@pytest.mark.slow
def test_what_a_run_needs_is_missed_before_it_starts(far: Ftk, subject: Subject, standin: Any) -> None:
    call = ("run", "config.yml", "--plugin", "abacus.py", "--set")
    unknown = far(*call, "ftk.modal.secrets=[nobodys]")
    warning, *told = unknown.stderr.splitlines()
    assert warning.startswith("warning: config.yml:7: no GPU is hired")
    assert (unknown.returncode, told) == (
        2,
        ["error: Modal has no secret 'nobodys'", "  `modal secret create nobodys NAME=VALUE` makes it"],
    )
    unset = far(*call, "ftk.modal.variables=[NOT_SET]")
    assert unset.returncode == 2
    assert "NOT_SET of `ftk.modal.variables` is not set" in unset.stderr
    keyless = far(*call, "wandb_project=mine", WANDB_API_KEY="")
    assert keyless.returncode == 2
    assert "`export WANDB_API_KEY=...`, or `modal secret create wandb-secret WANDB_API_KEY=...`" in keyless.stderr
    assert not standin.containers()


@pytest.mark.slow
def test_the_doctor_says_what_is_wrong(far: Ftk, standin: Any) -> None:
    def found(**variables: str) -> dict[str, dict[str, Any]]:
        done = far("doctor", "--json", HF_TOKEN="", **variables)
        return {item["subject"]: item for item in json.loads(done.stdout)}

    fine = found()
    assert fine["Modal"]["verdict"] == "ok"
    assert "`modal secret create huggingface-secret HF_TOKEN=...`" in fine["hub token at Modal"]["remedy"]
    standin.put_secret("my-huggingface-secret", HF_TOKEN=HUB)
    assert found()["hub token at Modal"]["detail"] == "the secret my-huggingface-secret"
    standin.delete_secret("my-huggingface-secret")
    with standin.refusing_token():
        refused = found()["Modal"]
        assert "refuses the token" in refused["detail"]
        assert "`modal setup`" in refused["remedy"]
        started = far("runs")
        assert started.returncode == 1
        assert "refuses the token" in started.stderr
    nothing = found(MODAL_TOKEN_ID="", MODAL_TOKEN_SECRET="")
    assert nothing["Modal's token"]["verdict"] == "note"
