"""The logger `mlflow`: parameters, metrics and artifacts of a run, through MLflow's client."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ftk.plugin import LoggedRun, Logger, Schema

TEXT: Schema = {"type": ["string", "null"]}
FLAG: Schema = {"type": ["boolean", "null"]}

TAG = "ftk.run"
"""Holds the run's id: by it, a run is found that was begun before."""

EXPERIMENT = "ftk"
"""The experiment, where none is named."""

MOST = 100
"""Parameters that MLflow takes in one request."""

LONGEST = 6000
"""Characters that it takes of a parameter's value."""

STATUS = {"finished": "FINISHED", "cancelled": "KILLED", "failed": "FAILED", "died": "FAILED"}

SETTINGS = {
    # A call that fails is made again by ftk, with longer pauses.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    # The client alone can write files, but no database.
    "MLFLOW_ALLOW_FILE_STORE": "true",
}
"""Environment variables of MLflow's client that are set here, unless the person has."""


class MLflow(Logger):
    """Logs to the server that the config or `MLFLOW_TRACKING_URI` names, else to `mlruns/` in the run."""

    name = "mlflow"
    keys = {
        "use_mlflow": FLAG,
        "mlflow_tracking_uri": TEXT,
        "mlflow_experiment_name": TEXT,
        "mlflow_run_name": TEXT,
        "hf_mlflow_log_artifacts": FLAG,
    }
    modules = ("mlflow",)
    folder = "mlruns"
    remedy = '`pip install "finetune-kit[mlflow]"`, or do without: `--logger jsonl`'

    def is_wanted(self, config: Mapping[str, Any]) -> bool | None:
        """Where `use_mlflow`, an experiment or a server says so."""
        if config.get("use_mlflow") is False:
            return False
        names = ("use_mlflow", "mlflow_experiment_name", "mlflow_tracking_uri")
        return any(config.get(name) for name in names) or None

    def run_started(self, run: LoggedRun) -> str:
        """Find or make the run, and log the parameters that it does not have yet."""
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient
        from mlflow.entities import Param

        address = run.config.get("mlflow_tracking_uri") or os.environ.get("MLFLOW_TRACKING_URI")
        self._client = MlflowClient(address or (run.folder / self.folder).as_uri())
        self._keeps_models = bool(run.config.get("hf_mlflow_log_artifacts"))
        experiment = self._experiment(run.config.get("mlflow_experiment_name"))
        known = self._find_or_create(experiment, run)
        self._id: str = known.info.run_id
        missing = [(name, value) for name, value in run.parameters().items() if name not in known.data.params]
        params = [Param(name, str(value)[:LONGEST]) for name, value in missing]
        for start in range(0, len(params), MOST):
            self._client.log_batch(self._id, params=params[start : start + MOST])
        return _link(address, experiment, self._id) or str(run.folder / self.folder)

    def _experiment(self, named: str | None) -> str:
        name = named or os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
        found = self._client.get_experiment_by_name(name)
        return str(found.experiment_id if found else self._client.create_experiment(name))

    def _find_or_create(self, experiment: str, run: LoggedRun) -> Any:
        found = self._client.search_runs([experiment], f"tags.`{TAG}` = '{run.id}'", max_results=1)
        if found:
            self._client.update_run(found[0].info.run_id, status="RUNNING")
            return found[0]
        name = run.config.get("mlflow_run_name") or run.id
        return self._client.create_run(experiment, tags={TAG: run.id}, run_name=name)

    def log_metrics(self, values: Mapping[str, float], step: int, time: float) -> None:
        """Log numbers; those of the same name, step and time are there once."""
        from mlflow.entities import Metric

        metrics = [Metric(name, value, int(time * 1000), step) for name, value in values.items()]
        self._client.log_batch(self._id, metrics=metrics)

    def log_artifact(self, kind: str, path: Path) -> None:
        """Log a file; checkpoints and models, where `hf_mlflow_log_artifacts` asks for them."""
        if kind in ("checkpoint", "model") and not self._keeps_models:
            return
        if path.is_file():
            self._client.log_artifact(self._id, str(path))
            return
        for file in path.iterdir():
            if file.is_file():
                self._client.log_artifact(self._id, str(file), path.name)

    def run_finished(self, status: str) -> None:
        """Set the status of the run."""
        self._client.set_terminated(self._id, STATUS[status])


def _link(address: str | None, experiment: str, run_id: str) -> str | None:
    """The page of a run on its server, without a password of the address; the address itself where it is no server."""
    if not address:
        return None
    shown = re.sub("//[^/]*@", "//", address).partition("?")[0]  # a query may hold a password too
    return f"{shown.rstrip('/')}/#/experiments/{experiment}/runs/{run_id}" if shown.startswith("http") else shown
