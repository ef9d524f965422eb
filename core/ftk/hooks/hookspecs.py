"""The hooks of ftk, each with when it is called, with what, and what its result means.

A plugin implements those it needs. The first group has one provider a run, chosen by name; the others are asked of
every plugin. Mark an implementation of the first group with `ftk.plugin.stage`, all others with `ftk.plugin.hookimpl`.

The manager calls one plugin at a time and joins their answers itself, so that a failure has a name; that is why each
spec says `firstresult`.
"""

# mypy: disable-error-code="empty-body"

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pluggy

from ftk.config.schema import Schema

if TYPE_CHECKING:
    from ftk.advice import Advice
    from ftk.artifacts import (
        Artifact,
        Completions,
        FetchedModel,
        Losses,
        MergedModel,
        Model,
        PreparedModel,
        StagedData,
        TrainedModel,
    )
    from ftk.backend import Backend
    from ftk.command import Environment
    from ftk.config.resolved import Config
    from ftk.data.formats import DatasetFormat
    from ftk.diagnosis import Diagnosis
    from ftk.errors import Problem
    from ftk.home import Home
    from ftk.loggers.logger import Logger
    from ftk.runs.run import Run
    from ftk.server import Endpoint, Served

VERSION = 1
"""Raised when a hook changes in a way that its implementations must follow; plugins may state it as `FTK_HOOKS`."""

hookspec = pluggy.HookspecMarker("ftk")


@hookspec(firstresult=True)
def stage_data(run: "Run") -> "StagedData":
    """Validate, flatten and tokenise the run's data sets. Called first in a run, in the driver.

    :param run: the run; its data files lie in its folder, `run.tokenizer()` is the base model's tokenizer.
    :returns: where the tokenised rows lie and how many there are.
    """


@hookspec(firstresult=True)
def prepare_model(run: "Run") -> "PreparedModel":
    """Put the base model's weights and tokenizer into the cache. Called after `stage_data`, in the driver.

    :param run: the run; `run.config["base_model"]` names the model.
    :returns: the folder in the cache.
    """


@hookspec(firstresult=True)
def train(run: "Run", data: "StagedData", model: "PreparedModel") -> "TrainedModel":
    """Train, or go on from the last checkpoint in `run.training_folder`. Called in the driver; the work is a command.

    :param run: the run; write into `run.training_folder` only.
    :param data: the tokenised rows.
    :param model: the base model.
    :returns: the adapter or model that came out.
    """


@hookspec(firstresult=True)
def merge(run: "Run", model: "PreparedModel", trained: "TrainedModel") -> "MergedModel":
    """Fold the adapter into the base model. Called after `train`, in the driver.

    :param run: the run; write into `run.merged_folder`, which must appear whole or not at all.
    :param model: the base model.
    :param trained: what training made; after a full fine-tune it is itself the result.
    :returns: the whole tuned model.
    """


@hookspec(firstresult=True)
def serve(run: "Run", models: "Sequence[Served]") -> "Endpoint":
    """Describe an OpenAI-compatible server. Called by `ftk serve`, where the run lives; the backend starts the server.

    :param run: the run; `run.config.ftk["serve"]` says how to serve. A setting that the server does not have is
        refused by name.
    :param models: what to serve, by name. The first is what was asked for; where there are several, they are adapters
        of the same base model, and perhaps that itself.
    :returns: the command to start, and how to know that it is ready.
    """


@hookspec(firstresult=True)
def generate(run: "Run", model: "Model", prompts: "Artifact", output: "Artifact") -> "Completions":
    """Answer prompts. Called for a run's summary and by `ftk infer`; the work is a command.

    :param run: the run.
    :param model: what to ask.
    :param prompts: JSON lines with `input_ids` or `prompt`, `max_new_tokens` and `temperature` (0 is greedy); perhaps
        `top_p`, `top_k`, `seed` and `stop` (a list of texts). A single one may have `stream`: then its answer is wanted
        as it comes, by events `text` with the next piece as `text`, as far as the provider can.
    :param output: the file to write. What an earlier call for the same prompts, which was killed, left beside it may be
        used.
    :returns: the answers, in the prompts' order.
    """


@hookspec(firstresult=True)
def score(run: "Run", model: "Model", rows: "Artifact", output: "Artifact") -> "Losses":
    """Compute the loss of rows, as training does it but without dropout. Called by `ftk eval`; the work is a command.

    :param run: the run.
    :param model: which model.
    :param rows: JSON lines with `input_ids` and `labels` (-100 where a token carries no loss), as in staged data.
    :param output: the file to write.
    :returns: the losses, in the rows' order.
    """


@hookspec(firstresult=True)
def prepare_tokenizer(run: "Run") -> "Artifact":
    """Put the base model's tokenizer files into the cache, without the weights where that can be.

    Called through `run.tokenizer()`, of the plugin that provides `prepare_model`. ftk makes the config's changes to it
    (`ftk.plugin.TOKENIZER`) in a copy; a stage that calls `run.tokenizer()` declares those keys.

    :param run: the run.
    :returns: a folder with `tokenizer.json` and `tokenizer_config.json`.
    """


@hookspec(firstresult=True)
def fetch_model(run: "Run", ref: str, tokenizer_only: bool) -> "FetchedModel | None":
    """Fetch what `base_model` names, if this plugin knows such names. The first plugin that does is taken.

    A run asks once, and again only where the cache was deleted: then it takes nothing else, and
    `run.base_model.fetched()` tells what it had.

    :param run: the run; fetch into `run.cache`.
    :param ref: the name, such as `org/name`.
    :param tokenizer_only: the weights may be left out.
    :returns: the files, or None where the name is not this plugin's to know.
    """


@hookspec(firstresult=True)
def dataset_formats() -> "Sequence[DatasetFormat]":
    """The dataset formats of this plugin. Called when a config is checked and when data are staged.

    :returns: formats with names that no other plugin uses.
    """


@hookspec(firstresult=True)
def loggers() -> "Sequence[Logger]":
    """The loggers of this plugin. Called when a config is read, and in the process of each chosen logger.

    :returns: loggers with names that no other plugin uses; their methods say when they are called.
    """


@hookspec(firstresult=True)
def environment(name: str) -> "Environment | None":
    """Describe an environment that commands ask for by name. Called before a run starts and before each command.

    :param name: the name.
    :returns: the environment, or None where it is not this plugin's.
    """


@hookspec(firstresult=True)
def config_block() -> "dict[str, Schema]":
    """Blocks of this plugin's own under the config's `ftk:` key. Called when a config is read.

    :returns: by the block's name, the JSON schema of a mapping whose properties all have defaults.
    """


@hookspec(firstresult=True)
def check(config: "Config", formats: "Mapping[str, DatasetFormat]") -> "Sequence[Problem]":
    """Tell what is wrong with a config, beyond its schema. Called before a run is made; nothing may be changed.

    :param config: the resolved config; the paths of its data sets are files on this machine.
    :param formats: every plugin's dataset formats by name.
    :returns: everything wrong, with places from `config.place()`; a `Notice` is told and stops nothing.
    """


@hookspec(firstresult=True)
def backend(name: str, home: "Home") -> "Backend | None":
    """Make a backend. Called once by each command that touches runs.

    :param name: the name in the config's `ftk.backend`.
    :param home: this machine's folders.
    :returns: the backend, or None where the name is not this plugin's.
    """


@hookspec(firstresult=True)
def diagnose() -> "Sequence[Diagnosis]":
    """Tell how what this plugin needs is on this machine, such as a token or a server. Called by `ftk doctor`.

    It takes a few seconds at most, so every look at the network is limited in time.

    :returns: findings with remedies; never a secret.
    """


@hookspec(firstresult=True)
def advice(environment: str) -> "Sequence[Advice]":
    """Known failures and their remedies. Called when a command or a server failed.

    A plugin that describes environments is asked for the commands in these alone, so that a training's failure is not
    answered with the remedy of a server; all others are asked for every command.

    :param environment: the name of the one in which it failed.
    :returns: the first whose pattern is found in the output is told.
    """
