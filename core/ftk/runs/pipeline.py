"""Takes a run through its stages: each one is skipped, called, or found stale."""

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftk import files
from ftk.artifacts import Artifact, MergedModel, Model, PreparedModel, Result, StagedData, TrainedModel
from ftk.config.older import schemas_of_stage
from ftk.config.schema import Schema
from ftk.errors import FtkError, UsageError
from ftk.hooks.manager import NO_PROVIDER
from ftk.hooks.stages import RUN_STAGES
from ftk.runs.given import refuse_missing
from ftk.runs.manifest import CONFIG, Manifest
from ftk.runs.whole import first_damaged, least_sizes, told_of

if TYPE_CHECKING:
    from ftk.hooks.manager import Manager
    from ftk.runs.run import Run

STAGES_FOLDER = "stages"

SUMMARY_FILE = "summary.json"
"""Scores and answers; see `ftk.runs.evaluation`."""

EVALUATIONS_FOLDER = "evaluations"
"""Holds what `ftk eval` found, a file each time; see `ftk.runs.evaluating`."""

_RESULTS: Mapping[str, type[Result]] = {
    "stage_data": StagedData,
    "prepare_model": PreparedModel,
    "train": TrainedModel,
    "merge": MergedModel,
}

_NEEDS: Mapping[str, tuple[str, ...]] = {"train": ("stage_data", "prepare_model"), "merge": ("prepare_model", "train")}
"""The stages whose results a stage is given."""

_FETCHING = ("stage_data", "prepare_model")
"""The stages that fetch the base model, or its tokenizer; done again, they take it as it is then."""


@dataclass
class Outcome:
    """What the stages made; None for a stage that was not reached or left out."""

    data: StagedData | None = None
    model: PreparedModel | None = None
    trained: TrainedModel | None = None
    merged: MergedModel | None = None

    def add(self, result: Result) -> None:
        """Note what a stage made."""
        match result:
            case StagedData():
                self.data = result
            case PreparedModel():
                self.model = result
            case TrainedModel():
                self.trained = result
            case MergedModel():
                self.merged = result

    def base_model(self) -> Model:
        """The base model."""
        assert self.model is not None
        return Model(self.model.folder)

    def tuned_model(self) -> Model:
        """The tuned model: merged, or the base with the adapter on it, or what a full fine-tune made."""
        assert self.model is not None and self.trained is not None
        if self.merged is not None:
            return Model(self.merged.folder)
        if self.trained.is_adapter:
            return Model(self.model.folder, self.trained.folder)
        return Model(self.trained.folder)


def read_manifest(folder: Path, stage: str) -> Manifest | None:
    """What a stage of the run in this folder wrote down; None where it has not begun."""
    path = folder / STAGES_FOLDER / f"{stage}.json"
    values = files.read_json(path)
    return None if values is None else Manifest.parse(stage, values, path)


def read_outcome(folder: Path) -> Outcome:
    """What the finished stages of the run in this folder made."""
    outcome = Outcome()
    for stage, kind in _RESULTS.items():
        manifest = read_manifest(folder, stage)
        if manifest is not None and manifest.result is not None:
            outcome.add(kind.from_json(manifest.result))
    return outcome


class Pipeline:
    """The stages of one run.

    :param run: the run.
    :param manager: calls the hooks.
    :param until: the last stage to do.
    """

    def __init__(self, run: "Run", manager: "Manager", until: str) -> None:
        self.run = run
        self.manager = manager
        self.until = until
        self.outcome = Outcome()
        self._folder = run.folder / STAGES_FOLDER
        artifacts = {"stage_data": run.prepared_folder, "train": run.training_folder, "merge": run.merged_folder}
        self._outputs = {stage: run.path(artifact) for stage, artifact in artifacts.items()}

    def plan(self) -> list[str]:
        """The stages that this run does, in order."""
        wanted = RUN_STAGES[: RUN_STAGES.index(self.until) + 1]
        return [stage for stage in wanted if self.run.config.provider(stage) != NO_PROVIDER]

    def redo(self, first: str) -> None:
        """Forget a stage and all later ones, with what they wrote into the run.

        After a kill, what is still there counts as done with its own inputs only: an output goes at once and whole, and
        its manifest after it, so that no stage begins again upon the remains of another config.
        """
        redone = RUN_STAGES[RUN_STAGES.index(first) :]
        files.remove(self.run.folder / SUMMARY_FILE)
        if "train" in redone:
            files.remove(self.run.folder / EVALUATIONS_FOLDER)
        for stage in reversed(redone):
            self._forget(stage)

    def _forget(self, stage: str) -> None:
        if stage in self._outputs:
            files.discard(self._outputs[stage])
        if stage in _FETCHING:
            self.run.base_model.forget(tokenizer=stage == "stage_data")
        files.remove(self._folder / f"{stage}.json")

    def refuse_missing(self) -> None:
        """Stop where a file is gone that the run was made with.

        :raises UsageError: naming it.
        """
        try:
            train = self._manifest("train")
        except FtkError:
            train = None  # which is told where it is needed
        refuse_missing(self.run, (train and train.files) or {})

    def refuse_stale(self, before: str | None, changes: Sequence[str]) -> None:
        """Stop when the inputs of a stage that has begun are no longer those that it began with.

        :param before: look at the stages before this one only, since it is done again anyway.
        :param changes: of the config, by this call.
        :raises UsageError: naming what changed.
        """
        for stage in self.plan():
            if stage == before:
                return
            begun = self._manifest(stage)
            if begun is None:
                return
            changed = begun.changed(self._inputs(stage), self._keys(stage))
            if changed and not self._is_gone(stage, begun):
                # A refused call keeps nothing, so its changes are named again.
                sets = "".join(f" --set {shlex.quote(text)}" for text in changes)
                raise UsageError(
                    f"{stage} was done with other inputs: {'; '.join(changed)}",
                    f"`ftk run --resume {self.run.id} --from {stage}{sets}` does it again from there, with the new ones"
                    f" in place of what {stage} has made",
                )

    def go(self) -> Outcome:
        """Do what is not done yet."""
        steps: Mapping[str, Callable[[str], Result]] = {
            "stage_data": self._stage_data,
            "prepare_model": self._prepare_model,
            "train": self._train,
            "merge": self._merge,
        }
        for stage in self.plan():
            result = self._finished(stage) or self._do(stage, steps[stage])
            self.outcome.add(result)
        return self.outcome

    def _finished(self, stage: str) -> Result | None:
        """The result of a stage that is done, and told so."""
        manifest = self._manifest(stage)
        if manifest is None or manifest.result is None:
            return None
        result = _RESULTS[stage].from_json(manifest.result)
        if damaged := self._damaged(result, manifest.files or {}):
            self.run.notice(f"{stage} is done again, since {told_of(damaged)}")
            self._clear(stage, manifest.files or {})
            return None
        self.run.events.emit("stage_skipped", stage=stage, seconds=manifest.seconds)
        return result

    def _damaged(self, result: Result, sizes: Mapping[str, int]) -> Path | None:
        """What is missing of a result, or cut short: a folder, or a file that was in it; None where it is whole.

        :param sizes: from the stage's manifest.
        """
        for item in result.artifacts():
            if not self.run.path(item).exists():
                return self.run.path(item)
            if item.root == "run" and (damaged := first_damaged(self.run.folder, sizes, item.path)):
                return damaged
        return None

    def _clear(self, stage: str, sizes: Mapping[str, int]) -> None:
        """Remove what is left of a damaged result, with what was made of it; a training's checkpoints stay."""
        if stage == "train":
            files.discard(self._outputs["merge"])
            for path in sizes:
                if path.startswith(f"{self.run.training_folder.path}/"):
                    files.remove(self.run.folder / path)
        elif stage in self._outputs:
            files.discard(self._outputs[stage])

    def _do(self, stage: str, step: Callable[[str], Result]) -> Result:
        provider = self.run.config.provider(stage)
        if stage in self._outputs:
            files.sweep(self._outputs[stage])
        given = self._sizes([self.run.root / path.name for path in self._given(stage)])
        begun, before = Manifest(stage, self._inputs(stage), files=given), self._manifest(stage)
        if before and before.changed(begun.inputs, self._keys(stage)):
            self._forget(stage)
        elif before:
            begun = replace(begun, inputs=before.inputs)  # for the later stages, it stays the same
        begun.write(self._folder)
        self.run.at_stage(stage)
        self.run.events.emit("stage_started", stage=stage, provider=provider)
        start = time.monotonic()
        result = step(provider)
        self.run.base_model.keep()
        seconds = time.monotonic() - start
        environment = self.run.identity_of(self.manager.declaration(stage, provider).environment)
        there = {**given, **self._sizes(result.artifacts())}
        Manifest(stage, begun.inputs, result.to_json(), seconds, environment, there).write(self._folder)
        self.run.events.emit("stage_finished", stage=stage, seconds=seconds, result=result.to_json())
        return result

    def _stage_data(self, provider: str) -> Result:
        return self.manager.stage_data(provider, self.run)

    def _prepare_model(self, provider: str) -> Result:
        model = self.manager.prepare_model(provider, self.run)
        self.run.base_model.refuse_other_tokenizer(model.folder)
        return model

    def _train(self, provider: str) -> Result:
        assert self.outcome.data is not None and self.outcome.model is not None
        return self.manager.train(provider, self.run, self.outcome.data, self.outcome.model)

    def _merge(self, provider: str) -> Result:
        assert self.outcome.model is not None and self.outcome.trained is not None
        return self.manager.merge(provider, self.run, self.outcome.model, self.outcome.trained)

    def _is_gone(self, stage: str, begun: Manifest) -> bool:
        """Whether nothing is left of what a stage wrote, nor of any later one, so that it begins anew in any case.

        :param begun: its manifest.
        """
        if stage not in self._outputs:
            return False
        later = RUN_STAGES[RUN_STAGES.index(stage) + 1 :]
        # A changed `output_dir` is not where it has written.
        made = _RESULTS[stage].from_json(begun.result).artifacts() if begun.result else []
        written = (self._outputs[stage], *map(self.run.path, made))
        return not any(path.exists() for path in written) and not any(map(self._manifest, later))

    def _manifest(self, stage: str) -> Manifest | None:
        return read_manifest(self.run.folder, stage)

    def _inputs(self, stage: str) -> dict[str, Any]:
        """Everything that decides a stage's result, by the names in which a change is told."""
        provider = self.run.config.provider(stage)
        declaration = self.manager.declaration(stage, provider)
        inputs: dict[str, Any] = {"provider": provider, "revision": declaration.revision}
        inputs |= {f"{CONFIG}{key}": self.run.config.get(key) for key in sorted(declaration.keys)}
        inputs |= {f"{CONFIG}ftk.{name}": self.run.config.setting(name) for name in declaration.block}
        inputs |= {f"file {path.name}": files.sha256(path) for path in self._given(stage)}
        for needed in _NEEDS.get(stage, ()):
            manifest = self._manifest(needed)
            inputs[needed] = manifest.digest if manifest else None
        return inputs

    def _given(self, stage: str) -> list[Path]:
        """The files and folders that the run was made with, and that this stage reads."""
        if stage == "stage_data":
            return self.run.data_files()
        adapter = self.run.given_adapter() if stage == "train" else None
        return [adapter] if adapter else []

    def _sizes(self, folders: Sequence[Artifact]) -> dict[str, int]:
        """The files in those of these folders that are the run's own; the cache is everybody's."""
        own = [item.path for item in folders if item.root == "run" and self.run.path(item).is_dir()]
        return {path: size for folder in own for path, size in least_sizes(self.run.folder, folder).items()}

    def _keys(self, stage: str) -> dict[str, Schema]:
        """The schemas of a stage's inputs that are keys of the config."""
        found = schemas_of_stage(stage, self.run.config, self.manager)
        return {f"{CONFIG}{name}": schema for name, schema in found.items()}
