"""Which loggers a run has: those of `ftk.loggers`, or else those that the config's keys ask for."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ftk.command import Environment
from ftk.config.schema import Place, Schema
from ftk.errors import Problem, UsageError
from ftk.hooks.loading import reason

if TYPE_CHECKING:
    from ftk.backend import Backend
    from ftk.config.resolved import Config
    from ftk.hooks.manager import Manager
    from ftk.loggers.logger import Logger

LOGGERS: Schema = {
    "type": ["array", "null"],
    "items": {"type": "string"},
    "default": None,
    "description": "who logs; empty for those that keys such as their project's name ask for",
}
"""The key `ftk.loggers`."""

LOGGING: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "drain": {
            "type": "number",
            "minimum": 0,
            "default": 10,
            "description": "seconds that loggers have at the end of a run",
        },
        "patience": {
            "type": "number",
            "exclusiveMinimum": 0,
            "default": 60,
            "description": "seconds after which a logger that is still at the same event is told",
        },
        "system_interval": {
            "type": "number",
            "exclusiveMinimum": 0,
            "default": 15,
            "description": "seconds between two looks at the machine",
        },
    },
}
"""The key `ftk.logging`: how long loggers may take, and how often the machine is looked at."""


def choose_loggers(
    named: Sequence[str] | None, values: Mapping[str, Any], manager: "Manager", place: Place
) -> tuple[list[str], list[Problem]]:
    """The loggers of a run, and what is wrong with their names.

    :param named: those of `ftk.loggers`; None where the keys of the loggers choose.
    :param values: the config.
    """
    known = manager.loggers()
    if named is None:
        return [name for name, logger in known.items() if _is_wanted(logger, values, manager)], []
    wrong = [(number, name) for number, name in enumerate(named) if name not in known]
    problems = [Problem(place(("ftk", "loggers", number)), *_unknown(name, manager)) for number, name in wrong]
    return list(dict.fromkeys(named)), problems


def _is_wanted(logger: "Logger", values: Mapping[str, Any], manager: "Manager") -> bool | None:
    try:
        return logger.is_wanted(values)
    except Exception as error:  # a stranger's bug is told by his name, and the others go on
        manager.broken[logger.name] = f"its is_wanted raised {reason(error)}"
        return False


def _unknown(name: str, manager: "Manager") -> tuple[str, str]:
    if name in manager.broken:
        return f"plugin {name!r} is broken: {manager.broken[name]}", "mend it, or choose another logger"
    known = list(manager.loggers())
    near = get_close_matches(name, known, n=1)
    remedy = f"did you mean {near[0]!r}?" if near else f"those that there are: {', '.join(known) or 'none'}"
    return f"no plugin brings the logger {name!r}", remedy


def output_problems(values: Mapping[str, Any], manager: "Manager", place: Place) -> Iterator[Problem]:
    """An `output_dir` in a logger's folder, which would be removed with the training that is done again.

    :param values: the config.
    """
    output = PurePosixPath(str(values["output_dir"]))
    for name, logger in manager.loggers().items():
        if logger.folder in output.parts[:1]:
            message = f"the logger {name} writes into a folder of this name"
            yield Problem(place(("output_dir",)), message, "choose another, such as ./lora-out")


def find_loggers(names: Sequence[str], manager: "Manager") -> "list[Logger]":
    """The loggers of these names.

    :raises UsageError: when there is none of one of them.
    """
    known = manager.loggers()
    for name in names:
        if name not in known:
            raise UsageError(*_unknown(name, manager))
    return [known[name] for name in names]


def refuse_missing(loggers: "Sequence[Logger]", backend: "Backend") -> None:
    """Stop at a logger whose libraries are missing where the run lives.

    :raises UsageError: naming the logger and the remedy.
    """
    for logger in loggers:
        if problem := backend.find_problem(Environment(logger.name, logger.modules, logger.remedy)):
            raise UsageError(f"logger {logger.name}: {problem}", logger.remedy)


def logger_keys(manager: "Manager") -> dict[str, Schema]:
    """The config keys of all loggers, which are understood with every engine."""
    return {key: schema for logger in manager.loggers().values() for key, schema in logger.keys.items()}


def keys_without_effect(config: "Config", manager: "Manager") -> Iterator[str]:
    """Sentences about keys that were set for a logger which the run does not have."""
    for name, logger in manager.loggers().items():
        given = [key for key in logger.keys if config.get(key)]
        if given and name not in config.ftk["loggers"] and _is_wanted(logger, config.values, manager) is not False:
            yield f"{', '.join(given)} has no effect, since {name} is not chosen (`--logger {name}`)"
