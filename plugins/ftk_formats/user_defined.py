"""The format whose fields and templates stand in the config itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from ftk.plugin import USER_DEFINED, RowError, Schema, Segment

TEXT: Schema = {"type": "string"}

TEMPLATE: Schema = {
    **TEXT,
    "pattern": r"^([^{}]|\{\{|\}\}|\{(instruction|input)([!:][^{}]*)?\})*$",
    "description": "text with {instruction} and {input}, in which other braces are written twice",
}


class UserDefined:
    """A prompt made of an instruction and an input, answered by an output.

    The keys and their defaults are axolotl's (its `UserDefinedDatasetConfig`).
    """

    name = USER_DEFINED
    revision = 1
    schema: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "field_instruction": {**TEXT, "default": "instruction"},
            "field_input": {**TEXT, "default": "input"},
            "field_output": {**TEXT, "default": "output"},
            "format": {**TEMPLATE, "default": "{instruction} {input} "},
            "no_input_format": {**TEMPLATE, "default": "{instruction} "},
        },
    }

    def segments(self, row: Mapping[str, Any], options: Mapping[str, Any], train_on_inputs: bool) -> Sequence[Segment]:
        """The prompt, which is trained only if asked for, and the answer, which ends the sequence."""
        instruction = _text(row, options["field_instruction"])
        answer = _text(row, options["field_output"])
        given = _text(row, options["field_input"]) if row.get(options["field_input"]) is not None else ""
        if not answer.strip():
            raise RowError(f"the field `{options['field_output']}` is empty", "write an answer, or remove the row")
        template = options["format"] if given else options["no_input_format"]
        return [
            Segment(_fill(template, instruction, given), trained=train_on_inputs),
            Segment(answer, trained=True, ends=True),
        ]


def _text(row: Mapping[str, Any], field: str) -> str:
    if field not in row:
        raise RowError(f"the field `{field}` is missing (it has {_names(row)})", "add it, or name the right field")
    value = row[field]
    if not isinstance(value, str):
        raise RowError(f"the field `{field}` is {value!r}, not text", "put it in quotes")
    return value


def _names(row: Mapping[str, Any]) -> str:
    return ", ".join(f"`{name}`" for name in row) or "no fields"


def _fill(template: str, instruction: str, given: str) -> str:
    try:
        return template.format(instruction=instruction, input=given)
    except (KeyError, IndexError, ValueError) as error:
        raise RowError(
            f"the template {template!r} cannot be filled: {error}",
            "use {instruction} and {input} in it, and write other braces twice",
        ) from None
