"""Find every bad row before a run starts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftk.plugin import (
    LOCATED,
    TOKENISED,
    Config,
    DataSet,
    DatasetFormat,
    FtkError,
    Problem,
    RowError,
    UsageError,
    data_sets,
    entry_problems,
    kind_of,
    template_problem,
)
from ftk_formats.chat import FIXED, Chat
from ftk_formats.holding_out import number_held_out
from ftk_formats.source import Source, make_source
from ftk_formats.trained_roles import misspelt_role


@dataclass(frozen=True)
class _Checked:
    """What is known of a data set.

    :param problems: what is wrong with it.
    :param rows: how many it has; None where that is not known.
    """

    problems: list[Problem]
    rows: int | None = None


def find_data_problems(config: Config, formats: Mapping[str, DatasetFormat]) -> list[Problem]:
    """What is wrong with the data sets of a config: their options, their files, their rows.

    Data sets of the hub are looked at when they are staged, where the run lives.

    :param formats: the known formats by name.
    """
    problems = [*_template_problems(config, config.values, ()), *_variable_problems(config, config.values, ())]
    checked = [(item, _check(config, item, formats)) for item in data_sets(config)]
    problems += [problem for _, found in checked for problem in found.problems]
    rows = [found.rows for item, found in checked if item.key == "datasets"]
    return problems + _held_out_problems(config, rows)


def _held_out_problems(config: Config, rows: list[int | None]) -> list[Problem]:
    """What is wrong with the rows that are held out.

    :param rows: of each data set to train on, where it is known.
    """
    place, size = config.place(("val_set_size",)), config.get("val_set_size")
    if size and config.get("test_datasets"):
        message = "`val_set_size` and `test_datasets` both name rows to hold out"
        return [Problem(place, message, "remove one of them")]
    known = [number for number in rows if number is not None]
    if size and len(known) == len(rows):
        try:
            number_held_out(size, sum(known))
        except FtkError as error:
            return [Problem(place, error.message, error.remedy)]
    return []


def _check(config: Config, item: DataSet, formats: Mapping[str, DatasetFormat]) -> _Checked:
    wrong = entry_problems(item.entry, config.get("rl"), formats, config.place, (item.key, item.number))
    wrong += _template_problems(config, item.entry, (item.key, item.number))
    wrong += _variable_problems(config, item.entry, (item.key, item.number))
    return _Checked(wrong) if wrong or not item.is_local(LOCATED) else _check_files(config, item, formats)


def _template_problems(config: Config, values: Mapping[str, Any], path: tuple[str | int, ...]) -> list[Problem]:
    wrong = template_problem(values.get("chat_template"), values.get("chat_template_jinja"))
    return [Problem(config.place((*path, "chat_template")), *wrong)] if wrong else []


def _variable_problems(config: Config, values: Mapping[str, Any], path: tuple[str | int, ...]) -> list[Problem]:
    """Variables of a template that a config sets, but rows and their use decide; to set `false` changes nothing."""
    key = "chat_template_kwargs"
    given = values.get(key)
    wrong = [name for name in FIXED if given.get(name)] if isinstance(given, Mapping) else []
    message = "`{}` is not for a config to set"
    return [Problem(config.place((*path, key, name)), message.format(name), "remove it") for name in wrong]


def _check_files(config: Config, item: DataSet, formats: Mapping[str, DatasetFormat]) -> _Checked:
    place = config.place((item.key, item.number, "path"))
    try:
        paths = item.files(LOCATED)
    except UsageError:
        return _Checked([])  # told by whoever has located them
    if wrong := _misread(config, item, paths):
        return _Checked([wrong])
    try:
        source = make_source(item, paths, Path(), config, formats)
        if _lacks_type(item, source):
            remedy = "name one, such as `type: alpaca`; only rows that hold `input_ids` and `labels` need none"
            return _Checked([Problem(place, "this data set has no `type`", remedy)])
        if misspelt := _role_problem(config, item, source):
            return _Checked([misspelt])
        return _check_rows(source, config.get("train_on_inputs", False), config.ftk["data"]["max_problems"])
    except UsageError as error:
        return _Checked([Problem(place, error.message, error.remedy)])
    except OSError as error:
        message = f"{error.filename} cannot be read: {error.strerror}"
        return _Checked([Problem(place, message, "check its permissions")])


def _misread(config: Config, item: DataSet, paths: Sequence[Path]) -> Problem | None:
    """What is wrong where `ds_type` is another kind than a file's name tells; text may have any name."""
    wanted = item.entry.get("ds_type")
    for path in paths:
        kind = kind_of(path)
        if wanted and kind not in (None, wanted) and "text" not in (wanted, kind):
            message = f"`ds_type` is {wanted}, but the name {path.name} says {kind}"
            place = config.place((item.key, item.number, "ds_type"))
            return Problem(place, message, f"`ds_type: {kind}`, or remove it")
    return None


def _lacks_type(item: DataSet, source: Source) -> bool:
    """Whether a data set is taken for tokens only because it has no `type`."""
    if item.entry.get("type") or source.form.name != TOKENISED:
        return False
    first = next((row.fields for _, row in source.rows()), None)
    return isinstance(first, dict) and "input_ids" not in first


def _role_problem(config: Config, item: DataSet, source: Source) -> Problem | None:
    """What is wrong where a role of `roles_to_train` is misspelt: beside another one, no row would tell."""
    if not isinstance(source.form, Chat):
        return None
    rows = (row.fields for _, row in source.rows())
    wrong = misspelt_role((fields for fields in rows if isinstance(fields, dict)), source.options)
    if wrong is None:
        return None
    number, near = wrong
    place = config.place((item.key, item.number, "roles_to_train", number))
    name = source.options["roles_to_train"][number]
    return Problem(place, f"no message has the role {name!r} of `roles_to_train`", f"did you mean `{near}`?")


def row_problems(source: Source, train_on_inputs: bool, most: int) -> list[Problem]:
    """What is wrong with the rows of a source.

    :param most: reading stops after so many.
    """
    return _check_rows(source, train_on_inputs, most).problems


def _check_rows(source: Source, train_on_inputs: bool, most: int) -> _Checked:
    found: list[Problem] = []
    rows = 0
    for problem in _checked_rows(source, train_on_inputs):
        rows += 1
        found += [problem] if problem else []
        if len(found) == most:
            return _Checked([*found, Problem(source.name, f"{most} bad rows; reading stopped", "mend these first")])
    if not rows and source.part:
        return _Checked([Problem(source.name, f"has no rows in {source.part}", "choose another part as `split`")])
    if not rows:
        return _Checked([Problem(source.name, "has no rows", "write some, or remove the data set")])
    return _Checked(found, rows)


def _checked_rows(source: Source, train_on_inputs: bool) -> Iterator[Problem | None]:
    """For each row what is wrong with it, or None."""
    for file, row in source.rows():
        try:
            source.segments(row, train_on_inputs)
        except RowError as error:
            yield file.problem(row.number, error)
        else:
            yield None
