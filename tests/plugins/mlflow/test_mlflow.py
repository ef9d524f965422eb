"""When the logger `mlflow` is chosen, and what it writes where there is no server."""

from collections.abc import Mapping
from typing import Any

import pytest

from ftk_mlflow.logger import MLflow, _link


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        ({}, None),
        ({"mlflow_experiment_name": ""}, None),
        ({"mlflow_run_name": "x"}, None),
        ({"use_mlflow": True}, True),
        ({"mlflow_experiment_name": "x"}, True),
        ({"mlflow_tracking_uri": "http://x"}, True),
        ({"mlflow_experiment_name": "x", "use_mlflow": False}, False),
    ],
)
def test_the_keys_of_axolotl_choose_it(config: Mapping[str, Any], wanted: bool | None) -> None:
    assert MLflow().is_wanted(config) is wanted


def test_a_link_holds_no_password() -> None:
    assert _link("https://me:secret@host:5000/", "1", "r") == "https://host:5000/#/experiments/1/runs/r"
    assert _link("postgresql://me:secret@host/db?password=secret", "1", "r") == "postgresql://host/db"
    assert _link("sqlite:///runs.db", "1", "r") == "sqlite:///runs.db"
    assert _link("databricks", "1", "r") == "databricks"
    assert _link(None, "1", "r") is None


def test_a_run_goes_on_in_the_files_of_its_folder(ftk_logged_run, monkeypatch: pytest.MonkeyPatch) -> None:
    client_library = pytest.importorskip("mlflow", reason='needs `pip install -e ".[mlflow]"`')
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    run = ftk_logged_run
    for steps, status in (((1, 2), "died"), ((2, 3), "cancelled")):  # step 2 comes twice, as after a kill
        logger = MLflow()
        assert logger.run_started(run) == str(run.folder / "mlruns")
        for step in steps:
            logger.log_metrics({"train/loss": 1 / step}, step, 100.0 + step)
        logger.log_artifact("config", run.folder / "config.yml")
        logger.log_artifact("model", run.folder)  # nobody asked for models
        logger.run_finished(status)
    client = client_library.MlflowClient((run.folder / "mlruns").as_uri())
    [found] = client.search_runs([client.get_experiment_by_name("ftk").experiment_id])
    assert (found.info.status, found.info.run_name) == ("KILLED", run.id)
    assert found.data.params["base_model"] == "org/name"
    assert {item.step for item in client.get_metric_history(found.info.run_id, "train/loss")} == {1, 2, 3}
    assert [item.path for item in client.list_artifacts(found.info.run_id)] == ["config.yml"]
