"""All that a plugin imports from ftk, beside `ftk.files` and `ftk.reporter`: the public interface."""

from ftk import files
from ftk.accelerator import Accelerator, find_accelerator
from ftk.advice import SMALLER, Advice
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
from ftk.backend import Activity, Backend, Stored
from ftk.command import INHERIT, PYTHON, Command, Environment, Resources
from ftk.config.inlining import JSON_FILE
from ftk.config.resolved import Config
from ftk.config.schema import Schema, complete, find_problems
from ftk.config.times import TIMEOUT, seconds
from ftk.data.chat import ChatTemplate, TemplateRefusal, choose_template, template_problem
from ftk.data.formats import (
    FAMILIES,
    TOKENISED,
    USER_DEFINED,
    DatasetFormat,
    Turns,
    bind,
    entry_problems,
    kind_of_data,
    name_of_format,
    options_of_format,
)
from ftk.data.hub import Repository, download
from ftk.data.rows import Flat, Pair, RowError, Segment, Unpaired
from ftk.data.sources import COMPRESSED, KINDS, LOCATED, DataSet, data_sets, is_there, kind_of, plain_suffix
from ftk.data.tokenised import COLUMNS, UNTRAINED, AnyRow, TokenisedPair, TokenisedRow, TokenisedUnpaired
from ftk.data.tokenising import RowTokenizer, length_of
from ftk.data.tokenizer import TOKENIZER, tokenizer_digest
from ftk.diagnosis import Diagnosis
from ftk.environments.interpreter import foreign_variables
from ftk.environments.lock import Step, read_lock
from ftk.environments.place import Environments, Interpreter
from ftk.errors import Cancelled, FtkError, Notice, Problem, ProblemsFound, UsageError
from ftk.home import Home
from ftk.hooks.loading import DISABLE_VARIABLE, disabled_here
from ftk.hooks.stages import BASE_MODEL, DATASETS, OUTPUT_DIR, TEST_DATASETS, hookimpl, stage
from ftk.loggers.logger import LoggedRun, Logger
from ftk.reporter import EVENTS_VARIABLE, Reporter
from ftk.runs.cache import Cache
from ftk.runs.evaluation import SAMPLES_FILE
from ftk.runs.kept import KeptAnswers
from ftk.runs.run import LOG_FILE, Run
from ftk.server import HOST, PORT, SERVERS, Endpoint, Served, Server
from ftk.serving.settings import refuse_settings

__all__ = [
    "BASE_MODEL",
    "COLUMNS",
    "COMPRESSED",
    "DATASETS",
    "DISABLE_VARIABLE",
    "EVENTS_VARIABLE",
    "FAMILIES",
    "HOST",
    "INHERIT",
    "JSON_FILE",
    "KINDS",
    "LOCATED",
    "LOG_FILE",
    "OUTPUT_DIR",
    "PORT",
    "PYTHON",
    "SAMPLES_FILE",
    "SERVERS",
    "SMALLER",
    "TEST_DATASETS",
    "TIMEOUT",
    "TOKENISED",
    "TOKENIZER",
    "UNTRAINED",
    "USER_DEFINED",
    "Accelerator",
    "Activity",
    "Advice",
    "AnyRow",
    "Artifact",
    "Backend",
    "Cache",
    "Cancelled",
    "ChatTemplate",
    "Command",
    "Completions",
    "Config",
    "DataSet",
    "DatasetFormat",
    "Diagnosis",
    "Endpoint",
    "Environment",
    "Environments",
    "FetchedModel",
    "Flat",
    "FtkError",
    "Home",
    "Interpreter",
    "KeptAnswers",
    "LoggedRun",
    "Logger",
    "Losses",
    "MergedModel",
    "Model",
    "Notice",
    "Pair",
    "PreparedModel",
    "Problem",
    "ProblemsFound",
    "Reporter",
    "Repository",
    "Resources",
    "RowError",
    "RowTokenizer",
    "Run",
    "Schema",
    "Segment",
    "Served",
    "Server",
    "StagedData",
    "Step",
    "Stored",
    "TemplateRefusal",
    "TokenisedPair",
    "TokenisedRow",
    "TokenisedUnpaired",
    "TrainedModel",
    "Turns",
    "Unpaired",
    "UsageError",
    "bind",
    "choose_template",
    "complete",
    "data_sets",
    "disabled_here",
    "download",
    "entry_problems",
    "files",
    "find_accelerator",
    "find_problems",
    "foreign_variables",
    "hookimpl",
    "is_there",
    "kind_of",
    "kind_of_data",
    "length_of",
    "name_of_format",
    "options_of_format",
    "plain_suffix",
    "read_lock",
    "refuse_settings",
    "seconds",
    "stage",
    "template_problem",
    "tokenizer_digest",
]
