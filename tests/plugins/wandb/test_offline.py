"""Whole runs in W&B's offline mode, read back from what it would send."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

TOY = Path(__file__).parents[2] / "toy_plugin"

FORMAT = {"field_instruction": "question", "field_output": "answer", "format": "{instruction} "}

CONFIG = {
    "base_model": "toy://",
    "datasets": [{"path": "data.jsonl", "type": FORMAT}],
    "max_steps": 120,
    "toy_step_seconds": 0.5,
    "wandb_project": "answers",
    "wandb_entity": "team",
    "wandb_name": "first",
    "wandb_mode": "offline",
    "wandb_log_model": "end",
    "ftk": {
        "engine": "toy",
        "stages": dict.fromkeys(("prepare_model", "merge", "generate"), "toy"),
        "logging": {"drain": 200},  # W&B's library takes long to come where much else is going on
    },
}


def _load_datastore() -> Any:
    spec = importlib.util.spec_from_file_location("datastore", Path(__file__).with_name("datastore.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _records(run: Path) -> list[Any]:
    """What all parts of an offline run hold, in order."""
    paths = sorted(run.glob("wandb/offline-run-*/run-*.wandb"))
    return [record for path in paths for record in _load_datastore().read_records(path)]


def _history(records: list[Any]) -> list[dict[str, Any]]:
    rows = [record.history.item for record in records if record.WhichOneof("record_type") == "history"]
    return [{item.nested_key[0]: json.loads(item.value_json) for item in row} for row in rows]


@pytest.mark.slow
def test_an_offline_run_holds_every_step_also_of_a_run_that_went_on(ftk_call, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason='needs `pip install -e ".[wandb]"`')
    for name in ("WANDB_MODE", "ALLOW_WANDB", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    ftk, toy = ftk_call, {"PYTHONPATH": str(TOY)}
    rows = [{"question": f"what is {number} and {number}?", "answer": str(2 * number)} for number in range(8)]
    (ftk.folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (ftk.folder / "config.yml").write_text(json.dumps(CONFIG))
    ftk("run", "config.yml", "--detach", **toy)
    ftk.wait_for_event("metrics", step=4)
    ftk("cancel", "latest", **toy)
    ftk.wait_for(lambda: not ftk.workers())
    done = ftk("run", "--resume", "latest", "--set", "toy_step_seconds=0", **toy)
    assert done.returncode == 0, done.stderr
    records = _records(ftk.run_folder())
    begun = [record.run for record in records if record.WhichOneof("record_type") == "run"]
    assert {(run.run_id, run.entity, run.project, run.display_name) for run in begun} == {
        (ftk.run_folder().name, "team", "answers", "first")
    }
    config = {item.key: json.loads(item.value_json) for item in begun[0].config.update}
    assert {"max_steps": 120, "datasets.0.path": "data.jsonl", "ftk.engine": "toy"}.items() <= config.items()
    logged = {row["train/global_step"]: row["train/loss"] for row in _history(records) if "train/loss" in row}
    assert logged == {event["step"]: event["loss"] for event in ftk.events("metrics")}
    times = {event["step"]: event["time"] for event in ftk.events("metrics")}
    stamped = {row["train/global_step"]: row["_timestamp"] for row in _history(records) if "train/loss" in row}
    assert stamped == pytest.approx(times)
    ended = [record.exit.exit_code for record in records if record.WhichOneof("record_type") == "exit"]
    assert ended == [1, 0]
    saved = {item.path for record in records for item in record.files.files}
    assert {"config.yml", "resolved.yml", "samples.jsonl", "summary.json"} <= saved
    artifacts = [record.artifact for record in records if record.WhichOneof("record_type") == "artifact"]
    artifacts += [record.request.log_artifact.artifact for record in records if record.request.HasField("log_artifact")]
    assert [(item.type, item.name) for item in artifacts] == [("model", f"model-{ftk.run_folder().name}")]
    assert f"wandb    {ftk.run_folder()}/wandb" in done.stdout


def test_without_an_account_a_run_is_refused_before_it_starts(ftk_call, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason='needs `pip install -e ".[wandb]"`')
    for name in ("WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    ftk = ftk_call
    (ftk.folder / "data.jsonl").write_text('{"question": "what?", "answer": "that"}\n')
    online = {name: value for name, value in CONFIG.items() if not name.startswith("wandb_")}
    (ftk.folder / "config.yml").write_text(json.dumps(online))
    places = {"PYTHONPATH": str(TOY), "NETRC": str(ftk.folder / "netrc"), "ALLOW_WANDB": "true"}
    done = ftk("run", "config.yml", **places)
    assert done.returncode == 2
    assert "the logger wandb has no API key; `wandb login`, or set WANDB_API_KEY" in done.stderr
    assert not ftk.has_run()
