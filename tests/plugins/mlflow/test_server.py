"""Whole runs on a real MLflow server."""

import json
from pathlib import Path
from typing import Any

import pytest

from ftk.testing.calls import PATIENCE

TOY = Path(__file__).parents[2] / "toy_plugin"

ROWS = [{"instruction": f"what is {number} and {number}?", "output": str(2 * number)} for number in range(16)]

FORMAT = {"field_instruction": "instruction", "field_output": "output", "format": "{instruction} "}

TOY_CONFIG = {
    "base_model": "toy://",
    "datasets": [{"path": "data.jsonl", "type": FORMAT}],
    "max_steps": 120,
    "toy_step_seconds": 1,
    "ftk": {"engine": "toy", "stages": dict.fromkeys(("prepare_model", "merge", "generate"), "toy")},
}


def _find(address: str, experiment: str, run_id: str) -> Any:
    from mlflow import MlflowClient

    client = MlflowClient(address)
    number = client.get_experiment_by_name(experiment).experiment_id
    [found] = client.search_runs([number], f"tags.`ftk.run` = '{run_id}'")
    return client, found


def _steps(client: Any, run: Any, name: str) -> list[int]:
    return [item.step for item in client.get_metric_history(run.info.run_id, name)]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["transformers", "axolotl"])
def test_the_server_has_parameters_metrics_and_artifacts_of_a_run(
    engine: str, server, ftk_call, ftk_small_run, request: pytest.FixtureRequest
) -> None:
    options: tuple[str, ...] = ()
    if engine == "axolotl":
        ftk_call.variables.update(request.getfixturevalue("axolotl"))
        options = request.getfixturevalue("axolotl_options")
    lora = ("adapter=lora", "lora_r=4", "lora_alpha=8", "lora_target_linear=true")
    changes = ("max_steps=6", "learning_rate=1e-3", "val_set_size=4", "eval_steps=3", *lora)
    named = (f"mlflow_tracking_uri={server.address}", "mlflow_experiment_name=answers", "mlflow_run_name=first")
    more = ("hf_mlflow_log_artifacts=true", "ftk.logging.system_interval=0.5")
    sets = [part for item in (*changes, *named, *more) for part in ("--set", item)]
    ftk = ftk_small_run(ROWS, FORMAT, "--until", "train", *sets, *options)
    run_id = ftk.run_folder().name
    client, run = _find(server.address, "answers", run_id)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "first")
    parameters = {"lora_r": "4", "max_steps": "6", "datasets.0.path": "data.jsonl", "ftk.engine": engine}
    assert parameters.items() <= run.data.params.items()
    for name in ("train/loss", "train/learning_rate", "train/grad_norm"):
        assert _steps(client, run, name) == [1, 2, 3, 4, 5, 6], name
    assert 3 in _steps(client, run, "eval/loss")
    reported = {event["step"]: event["loss"] for event in ftk.events("metrics") if "loss" in event}
    history = client.get_metric_history(run.info.run_id, "train/loss")
    assert {item.step: item.value for item in history} == reported
    assert {"system/cpu_percent", "system/memory_percent"} <= set(run.data.metrics)
    kept = {item.path for item in client.list_artifacts(run.info.run_id)}
    assert {"config.yml", "resolved.yml", "samples.jsonl", "lora-out", "checkpoint-6"} <= kept
    link = f"{server.address}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"
    assert f"mlflow   {link}" in ftk("show").stdout


@pytest.mark.slow
def test_a_server_that_goes_away_and_comes_back_has_every_step_in_the_end(server, ftk_call) -> None:
    ftk, toy = ftk_call, {"PYTHONPATH": str(TOY)}
    (ftk.folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (ftk.folder / "config.yml").write_text(json.dumps({**TOY_CONFIG, "mlflow_tracking_uri": server.address}))
    process = ftk.start("run", "config.yml", "--set", "ftk.logging.drain=2", **toy)
    ftk.wait_for_event("logger_link", logger="mlflow")
    name = ftk.run_folder().name
    server.stop()
    ftk.wait_for(lambda: any("logger mlflow: " in event["message"] for event in ftk.events("notice")))
    away = ftk.events("metrics")[-1]["step"]
    server.start()
    ftk.wait_for(lambda: away in _steps(*_find(server.address, "ftk", name), "train/loss"))
    assert not ftk.events("run_ending")
    server.stop()
    (ftk.run_folder() / "hurry").touch()  # for the toy
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert f"`ftk sync {name} --logger mlflow` sends them" in errors
    assert "of its events are not sent" in ftk("show", **toy).stdout
    failed = ftk("sync", **toy)
    assert failed.returncode == 1 and "logger mlflow: " in failed.stderr
    server.start()
    done = ftk("sync", **toy)
    assert done.returncode == 0, done.stderr
    client, run = _find(server.address, "ftk", name)
    assert run.info.status == "FINISHED"
    assert _steps(client, run, "train/loss") == list(range(1, 121))
    [score] = json.loads((ftk.run_folder() / "summary.json").read_text())["scores"]
    assert run.data.metrics["train/exact_match"] == score["tuned"] / score["rows"]
    kept = {item.path for item in client.list_artifacts(run.info.run_id)}
    assert kept == {"config.yml", "resolved.yml", "samples.jsonl", "summary.json"}
    assert "not sent" not in ftk("show", **toy).stdout
