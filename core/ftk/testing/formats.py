"""What every dataset format keeps to."""

import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ftk import files
from ftk.config.schema import complete
from ftk.data.chat import TEMPLATE_FILE
from ftk.data.formats import DatasetFormat, bind
from ftk.data.rows import Flat, RowError
from ftk.data.tokenising import RowTokenizer
from ftk.testing.checks import Check
from ftk.testing.tiny_model import write_tiny_model

TEMPLATE = "{% for message in messages %}{{ message.role }}: {{ message.content }}{{ eos_token }}{% endfor %}"
"""The chat template of the tokenizer that formats are checked with."""


def it_has_a_name_and_a_revision(form: DatasetFormat) -> str | None:
    """A format has a name, and a revision of 1 or more."""
    if not isinstance(form.name, str) or not form.name:
        return f"its name is {form.name!r}: give it what a config's `type` says"
    if not isinstance(form.revision, int) or form.revision < 1:
        return f"its revision is {form.revision!r}: begin with 1"
    return None


def its_options_have_a_schema(form: DatasetFormat) -> str | None:
    """Its options have a JSON schema of a mapping, with a default for each."""
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(dict(form.schema))
    if form.schema.get("type") != "object" or form.schema.get("additionalProperties") is not False:
        return "its schema must be of `type: object` with `additionalProperties: false`, so that no option is ignored"
    return None


def its_example_is_learned(form: DatasetFormat) -> str | None:
    """Its example row becomes tokens, some of which are trained."""
    (row,) = _tokenizer().rows([_segments(form, _example(form))])
    return None if row.trained else "no token of its example is trained"


def the_same_row_gives_the_same(form: DatasetFormat) -> str | None:
    """The same row gives the same segments, and stays as it is."""
    row = _example(form)
    before = dict(row)
    if _segments(form, row) != _segments(form, row):
        return "two calls gave two results"
    return None if dict(row) == before else "the row was changed"


def a_bad_row_is_told(form: DatasetFormat) -> str | None:
    """A row that does not fit raises RowError, whatever is wrong with it."""
    bad_rows: list[dict[str, Any]] = [{}, {"nothing": "of the kind"}, *({name: None} for name in _example(form))]
    for row in bad_rows:
        try:
            _segments(form, row)
        except RowError:
            continue
        except Exception as error:  # what a user would see as a bug
            return f"the row {row} raised {type(error).__name__}: {error}"
        return f"the row {row} was accepted"
    return None


FORMAT_CHECKS: Sequence[Check[DatasetFormat]] = (
    it_has_a_name_and_a_revision,
    its_options_have_a_schema,
    its_example_is_learned,
    the_same_row_gives_the_same,
    a_bad_row_is_told,
)


def _example(form: DatasetFormat) -> Mapping[str, Any]:
    example: Mapping[str, Any] | None = getattr(form, "example", None)
    if not example:
        raise ValueError("it has no `example`: give it a row, as a dictionary")
    return example


def _segments(form: DatasetFormat, row: Mapping[str, Any]) -> Flat:
    options = complete({}, form.schema)
    return bind(form, _tokenizer(), options).segments(row, options, False)


@cache
def _tokenizer() -> RowTokenizer:
    with tempfile.TemporaryDirectory() as folder:
        model = write_tiny_model(Path(folder) / "model")
        files.write_text(model / TEMPLATE_FILE, TEMPLATE)
        return RowTokenizer(model)
