"""The logger `wandb`: parameters, metrics and files of a run, through Weights & Biases' own library."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ftk.plugin import LoggedRun, Logger
from ftk_wandb.keys import KEYS, is_wanted, mode

STEP = "train/global_step"
"""The axis of all charts. W&B's own step only grows, but a training that goes on from a checkpoint repeats steps."""


class Wandb(Logger):
    """Logs to Weights & Biases, or into the run's folder `wandb` where the mode is offline."""

    name = "wandb"
    keys = KEYS
    modules = ("wandb",)
    folder = "wandb"
    remedy = '`pip install "finetune-kit[wandb]"`, or do without: `--logger jsonl`'

    def is_wanted(self, config: Mapping[str, Any]) -> bool | None:
        """Where `use_wandb`, a project or `ALLOW_WANDB=true` says so."""
        return is_wanted(config)

    def run_started(self, run: LoggedRun) -> str:
        """Begin the run, or go on with the one of the same id."""
        import wandb

        config = run.config
        self._kept = config.get("wandb_log_model")
        self._run = wandb.init(
            project=config.get("wandb_project") or None,
            entity=config.get("wandb_entity") or None,
            id=config.get("wandb_run_id") or run.id,
            name=config.get("wandb_name") or config.get("wandb_run_id") or run.id,
            mode="offline" if mode(config.values) == "offline" else "online",
            resume="allow",
            dir=str(run.folder),
            config=run.parameters(),
            allow_val_change=True,
            settings=wandb.Settings(console="off", silent=True, x_disable_stats=True, disable_code=True),
        )
        self._run.define_metric("*", step_metric=STEP, step_sync=True)
        return str(self._run.url or run.folder / self.folder)

    def log_metrics(self, values: Mapping[str, float], step: int, time: float) -> None:
        """Log numbers."""
        self._run.log({**values, STEP: step, "_timestamp": time})

    def log_artifact(self, kind: str, path: Path) -> None:
        """Save a file with the run; log checkpoints and the model as artifacts, as `wandb_log_model` asks for them."""
        if kind not in ("checkpoint", "model"):
            self._run.save(str(path), base_path=str(path.parent), policy="now")
        elif self._kept == "checkpoint" or (self._kept == "end" and kind == "model"):
            self._log_model(kind, path)

    def _log_model(self, kind: str, path: Path) -> None:
        import wandb

        artifact = wandb.Artifact(f"{kind}-{self._run.id}", type="model")
        for file in path.iterdir() if path.is_dir() else [path]:
            if file.is_file():
                artifact.add_file(str(file))
        self._run.log_artifact(artifact, aliases=[path.name])

    def run_finished(self, status: str) -> None:
        """Upload what is left, and set the status of the run."""
        self._run.finish(exit_code=0 if status == "finished" else 1)
