"""The job `endpoint` of a visit: the run's provider of `serve` describes a server of its models."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ftk.artifacts import Artifact, Model
from ftk.config.overrides import parse_set
from ftk.data.chat import TEMPLATE_FILE
from ftk.errors import UsageError
from ftk.runs.generation import find_model
from ftk.runs.names import name_in
from ftk.runs.opening import changed
from ftk.runs.pipeline import read_outcome
from ftk.server import Served

if TYPE_CHECKING:
    from ftk.hooks.manager import Manager
    from ftk.runs.run import Run


def job(run: "Run", manager: "Manager", scratch: Artifact, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The endpoint, as `Endpoint.to_json` has it; its environment is made ready.

    :param inputs: `sets`, changes of the config for this server; `others`, the ids of runs whose adapters are served
        too; and whether to serve the `base` model alone.
    """
    run.config = changed(run.config, [parse_set(item) for item in inputs["sets"]], manager)
    models = _models(run, inputs["others"], inputs["base"])
    endpoint = manager.serve(run.config.provider("serve"), run, models)
    run.make_ready(endpoint.command.environment)
    names = tuple(served.name for served in models)
    chats = (run.path(run.tokenizer()) / TEMPLATE_FILE).exists()
    runs = (run.id, *inputs["others"])
    return replace(endpoint, models=names, chats=chats, runs=runs, settings=run.config.ftk).to_json()


def model_name(run_id: str) -> str:
    """What requests call the tuned model of a run."""
    return name_in(run_id) or run_id


def _models(run: "Run", others: Sequence[str], base: bool) -> list[Served]:
    """What is served: one model; or the adapters of several runs, and their base behind them."""
    if not others and not base:
        return [Served(model_name(run.id), find_model(run, base=False))]
    bottom = Served(_base_name(run.config["base_model"]), find_model(run, base=True))
    if base:
        return [bottom]
    adapters = [_adapter(run, run_id, bottom.model.folder) for run_id in (run.id, *others)]
    return [*adapters, bottom]


def _base_name(ref: str) -> str:
    """A hub id as it stands; of a path, which is nobody else's business, the last part."""
    return PurePosixPath(ref).name if "://" in ref or ref.startswith(("/", ".", "~")) else ref


def _adapter(run: "Run", run_id: str, base: Artifact) -> Served:
    """The adapter of a run, on the base of the first one."""
    outcome = read_outcome(run.folder.parent / run_id)
    if outcome.model is None or outcome.trained is None:
        raise UsageError(f"{run_id} has no tuned model yet", f"`ftk run --resume {run_id}`")
    if outcome.model.folder != base:
        raise UsageError(f"{run.id} and {run_id} have different base models", "serve each on a port of its own")
    if not outcome.trained.is_adapter:
        raise UsageError(f"{run_id} is a whole model, no adapter", "serve it alone, on a port of its own")
    folder = Artifact("runs", f"{run_id}/{outcome.trained.folder.path}")
    if not run.path(folder).exists():
        raise UsageError(f"the adapter of {run_id} is gone", f"`ftk run --resume {run_id}` makes it again")
    return Served(model_name(run_id), Model(base, folder))
