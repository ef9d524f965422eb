"""Find every bad row before a run starts."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ftk.plugin import (
    LOCATED,
    Config,
    DataSet,
    DatasetFormat,
    Problem,
    RowError,
    UsageError,
    data_sets,
    entry_problems,
    template_problem,
)
from ftk_formats.source import Source, make_source


def find_data_problems(config: Config, formats: Mapping[str, DatasetFormat]) -> list[Problem]:
    """What is wrong with the data sets of a config: their options, their files, their rows.

    Data sets of the hub are looked at when they are staged, where the run lives.

    :param formats: the known formats by name.
    """
    problems = _template_problems(config, config.values, ())
    problems += [problem for item in data_sets(config) for problem in _problems(config, item, formats)]
    if config.get("test_datasets") and config.get("val_set_size"):
        message = "`val_set_size` and `test_datasets` both name rows to hold out"
        problems.append(Problem(config.place(("val_set_size",)), message, "remove one of them"))
    return problems


def _problems(config: Config, item: DataSet, formats: Mapping[str, DatasetFormat]) -> list[Problem]:
    wrong = entry_problems(item.entry, config.get("rl"), formats, config.place, (item.key, item.number))
    wrong += _template_problems(config, item.entry, (item.key, item.number))
    return wrong or (_file_problems(config, item, formats) if item.is_local(LOCATED) else [])


def _template_problems(config: Config, values: Mapping[str, Any], path: tuple[str | int, ...]) -> list[Problem]:
    wrong = template_problem(values.get("chat_template"), values.get("chat_template_jinja"))
    return [Problem(config.place((*path, "chat_template")), *wrong)] if wrong else []


def _file_problems(config: Config, item: DataSet, formats: Mapping[str, DatasetFormat]) -> list[Problem]:
    place = config.place((item.key, item.number, "path"))
    try:
        paths = item.files(LOCATED)
    except UsageError:
        return []  # told by whoever has located them
    try:
        source = make_source(item, paths, Path(), config, formats)
        return row_problems(source, config.get("train_on_inputs", False), config.ftk["data"]["max_problems"])
    except UsageError as error:
        return [Problem(place, error.message, error.remedy)]
    except OSError as error:
        return [Problem(place, f"{error.filename} cannot be read: {error.strerror}", "check its permissions")]


def row_problems(source: Source, train_on_inputs: bool, most: int) -> list[Problem]:
    """What is wrong with the rows of a source.

    :param most: reading stops after so many.
    """
    found: list[Problem] = []
    rows = 0
    for problem in _checked_rows(source, train_on_inputs):
        rows += 1
        found += [problem] if problem else []
        if len(found) == most:
            return [*found, Problem(source.name, f"{most} bad rows; reading stopped", "mend these first")]
    if not rows and source.part:
        return [Problem(source.name, f"has no rows in {source.part}", "choose another part as `split`")]
    return found if rows else [Problem(source.name, "has no rows", "write some, or remove the data set")]


def _checked_rows(source: Source, train_on_inputs: bool) -> Iterator[Problem | None]:
    """For each row what is wrong with it, or None."""
    for file, row in source.rows():
        try:
            source.segments(row, train_on_inputs)
        except RowError as error:
            yield file.problem(row.number, error)
        else:
            yield None
