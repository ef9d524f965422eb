"""Find every bad row before a run starts."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ftk.plugin import Config, DatasetFormat, Problem, RowError, complete, find_problems, format_of
from ftk_formats.rows import READABLE, read_rows, row_problem

MOST_PROBLEMS = 20
"""Bad rows that are told before reading stops."""


def find_data_problems(config: Config, formats: Mapping[str, DatasetFormat]) -> list[Problem]:
    """What is wrong with the data sets of a config: their options, their files, their rows.

    :param formats: the known formats by name.
    """
    problems: list[Problem] = []
    for number, dataset in enumerate(config["datasets"]):
        name, options = format_of(dataset["type"])
        path = ("datasets", number, "type")
        if name not in formats:
            near = get_close_matches(name, list(formats), n=1)
            remedy = f"did you mean `{near[0]}`?" if near else f"those known: {', '.join(sorted(formats))}"
            problems.append(Problem(config.place(path), f"there is no dataset format {name!r}", remedy))
            continue
        schema = formats[name].schema
        wrong = list(find_problems(complete(options, schema), schema, config.place, path))
        problems += wrong or _file_problems(config, number, formats[name], complete(options, schema))
    return problems


def _file_problems(config: Config, number: int, form: DatasetFormat, options: Mapping[str, Any]) -> list[Problem]:
    file = Path(config["datasets"][number]["path"])
    place = config.place(("datasets", number, "path"))
    if file.suffix not in READABLE:
        return [Problem(place, f"{file.name} is of a kind that cannot be read yet", "use a .jsonl file")]
    try:
        return _row_problems(file, form, options, config.get("train_on_inputs", False))
    except OSError as error:
        return [Problem(place, f"{file} cannot be read: {error.strerror}", "check its permissions")]


def _row_problems(file: Path, form: DatasetFormat, options: Mapping[str, Any], train_on_inputs: bool) -> list[Problem]:
    found: list[Problem] = []
    rows = 0
    for problem in _checked_rows(file, form, options, train_on_inputs):
        rows += 1
        found += [problem] if problem else []
        if len(found) == MOST_PROBLEMS:
            return [*found, Problem(str(file), f"{MOST_PROBLEMS} bad rows; reading stopped", "mend these first")]
    return found if rows else [Problem(str(file), "has no rows", "write one JSON object a line")]


def _checked_rows(
    file: Path, form: DatasetFormat, options: Mapping[str, Any], train_on_inputs: bool
) -> Iterator[Problem | None]:
    """For each row what is wrong with it, or None."""
    for row in read_rows(file):
        try:
            if isinstance(row.fields, RowError):
                raise row.fields
            form.segments(row.fields, options, train_on_inputs)
        except RowError as error:
            yield row_problem(str(file), row.line, error)
        else:
            yield None
