"""Secrets reach the processes that need them, and no other place."""

import json
from typing import Any

import pytest

from ftk.plugin import UsageError
from ftk.testing.backends import Subject
from ftk.testing.calls import Ftk
from ftk_modal import secrets
from ftk_modal.secrets import find_secrets

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


LOGGED: dict[str, Any] = {"modal": {"secrets": [], "variables": []}, "loggers": ["wandb"]}


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The secrets of a workspace; this machine has no keys."""
    known = {"huggingface-secret"}
    monkeypatch.setattr(secrets, "existing", lambda names: names & known)
    for service in secrets.SERVICES:
        for name in service.variables:
            monkeypatch.delenv(name, raising=False)
    return known


def test_a_missing_key_is_told_whatever_other_secrets_there_are(workspace: set[str]) -> None:
    with pytest.raises(UsageError, match="the logger wandb needs a key"):
        find_secrets(LOGGED, {})
    workspace.add("wandb")
    assert find_secrets(LOGGED, {}).named == ("huggingface-secret", "wandb")
    workspace.remove("wandb")
    workspace.add("mine")  # it may hold the key
    assert "mine" in find_secrets({**LOGGED, "modal": {"secrets": ["mine"], "variables": []}}, {}).named


def test_what_is_kept_offline_needs_no_key(workspace: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_secrets(LOGGED, {"wandb_mode": "offline"}).variables == ()
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert find_secrets(LOGGED, {}).variables == ("WANDB_MODE",)
    with pytest.raises(UsageError, match="the logger wandb needs a key"):
        find_secrets(LOGGED, {"wandb_mode": "online"})


@pytest.mark.slow
def test_the_doctor_says_what_is_wrong(far: Ftk, standin: Any) -> None:
    def found(**variables: str) -> dict[str, dict[str, Any]]:
        keyless = dict.fromkeys(("HF_TOKEN", "WANDB_API_KEY", "MLFLOW_TRACKING_TOKEN"), "")
        done = far("doctor", "--json", **{**keyless, **variables})
        return {item["subject"]: item for item in json.loads(done.stdout)}

    fine = found()
    assert fine["Modal"]["verdict"] == "ok"
    assert "`modal secret create huggingface-secret HF_TOKEN=...`" in fine["hub token at Modal"]["remedy"]
    assert fine["key of W&B at Modal"]["verdict"] == "note"
    assert "`modal secret create wandb-secret WANDB_API_KEY=...`" in fine["key of W&B at Modal"]["remedy"]
    assert "`export MLFLOW_TRACKING_TOKEN=...`" in fine["token of MLflow at Modal"]["remedy"]
    standin.put_secret("my-huggingface-secret", HF_TOKEN=HUB)
    kept = found(WANDB_API_KEY="5b1f")
    assert kept["hub token at Modal"]["detail"] == "the secret my-huggingface-secret"
    assert kept["key of W&B at Modal"]["detail"] == "WANDB_API_KEY of this machine"
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
