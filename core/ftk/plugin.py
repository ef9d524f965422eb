"""Everything that a plugin imports from ftk: the public interface, which other modules are free to change behind."""

from ftk import files
from ftk.advice import SMALLER, Advice
from ftk.artifacts import Artifact, Completions, MergedModel, Model, PreparedModel, StagedData, TrainedModel
from ftk.backend import Activity, Backend
from ftk.cache import Cache
from ftk.command import PYTHON, Command, Endpoint, Environment, Resources
from ftk.config import Config
from ftk.data import UNTRAINED, USER_DEFINED, DatasetFormat, RowError, RowTokenizer, Segment, TokenisedRow, format_of
from ftk.errors import Cancelled, CommandFailed, FtkError, PluginError, Problem, ProblemsFound, UsageError
from ftk.evaluation import SAMPLES_FILE
from ftk.home import Home
from ftk.hub import Repository, download
from ftk.inlining import JSON_FILE
from ftk.loggers.logger import LoggedRun, Logger
from ftk.reporter import EVENTS_VARIABLE, Reporter
from ftk.run import LOG_FILE, FetchedModel, Run
from ftk.schema import Schema, complete, find_problems
from ftk.sources import plain_suffix
from ftk.stages import BASE_MODEL, DATASETS, OUTPUT_DIR, TEST_DATASETS, hookimpl, stage

__all__ = [
    "BASE_MODEL",
    "DATASETS",
    "EVENTS_VARIABLE",
    "JSON_FILE",
    "LOG_FILE",
    "OUTPUT_DIR",
    "PYTHON",
    "SAMPLES_FILE",
    "SMALLER",
    "TEST_DATASETS",
    "UNTRAINED",
    "USER_DEFINED",
    "Activity",
    "Advice",
    "Artifact",
    "Backend",
    "Cache",
    "Cancelled",
    "Command",
    "CommandFailed",
    "Completions",
    "Config",
    "DatasetFormat",
    "Endpoint",
    "Environment",
    "FetchedModel",
    "FtkError",
    "Home",
    "LoggedRun",
    "Logger",
    "MergedModel",
    "Model",
    "PluginError",
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
    "StagedData",
    "TokenisedRow",
    "TrainedModel",
    "UsageError",
    "complete",
    "download",
    "files",
    "find_problems",
    "format_of",
    "hookimpl",
    "plain_suffix",
    "stage",
]
