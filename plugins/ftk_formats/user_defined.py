"""The format whose fields and templates stand in the config itself."""

from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Any

from ftk.plugin import USER_DEFINED, RowError, Schema, Segment, Turns
from ftk_formats import fields

MARK = "\0"
"""Stands for what a person says."""

NO_INPUT_FORMAT = "{instruction} "

TEXT: Schema = {"type": "string"}


def template(*names: str) -> Schema:
    """The schema of a text with these names in braces."""
    return {
        **TEXT,
        "pattern": rf"^([^{{}}]|\{{\{{|\}}\}}|\{{({'|'.join(names)})([!:][^{{}}]*)?\}})*$",
        "description": f"text with {' and '.join(f'{{{name}}}' for name in names)}, in which other braces are"
        " written twice",
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
            "system_prompt": {**TEXT, "default": ""},
            "system_format": {**template("system"), "default": "{system}"},
            "field_system": {**TEXT, "default": "system"},
            "field_instruction": {**TEXT, "default": "instruction"},
            "field_input": {**TEXT, "default": "input"},
            "field_output": {**TEXT, "default": "output"},
            "format": {**template("instruction", "input"), "default": "{instruction} {input} "},
            "no_input_format": {**template("instruction", "input"), "default": NO_INPUT_FORMAT},
        },
    }
    example = {"instruction": "2+2?", "output": "4"}

    def segments(self, row: Mapping[str, Any], options: Mapping[str, Any], train_on_inputs: bool) -> Sequence[Segment]:
        """The prompt, which is trained only if asked for, and the answer, which ends the sequence."""
        return [
            Segment(_prompt(row, options), trained=train_on_inputs),
            Segment(fields.answer(row, options["field_output"]), trained=True, ends=True),
        ]

    def prompt(self, row: Mapping[str, Any], options: Mapping[str, Any]) -> Sequence[Segment]:
        """The prompt alone."""
        return [Segment(_prompt(row, options), trained=False)]

    def template(self, options: Mapping[str, Any], own: str | None) -> Turns | None:
        """What stands around a question: one without an input, or with its input where only that has a form."""
        turn, given = options["no_input_format"], ""
        if turn == NO_INPUT_FORMAT and "{input}" in options["format"]:
            turn, given = options["format"], MARK
        question = around(turn, instruction=MARK, input=given)
        system = around(options["system_format"], system=MARK)
        return question and system and Turns(*question, options["system_prompt"], *system)


def _prompt(row: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    instruction = fields.text(row, options["field_instruction"])
    given = fields.optional_text(row, options["field_input"])
    turn = options["format"] if given else options["no_input_format"]
    return _system(row, options) + fill(turn, instruction=instruction, input=given)


def _system(row: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    field = options["field_system"]
    system = fields.optional_text(row, field) if field in row else options["system_prompt"]
    return fill(options["system_format"], system=system) if system else ""


def around(form: str, **values: str) -> tuple[str, str] | None:
    """The fixed texts before the first `MARK` of a filled template and after the last one.

    None where there is none, or where the template does more with a value than to put it there.
    """
    if any(spec or conversion for _, _, spec, conversion in Formatter().parse(form)):
        return None
    before, mark, rest = fill(form, **values).partition(MARK)
    return (before, rest.rpartition(MARK)[2]) if mark else None


def fill(form: str, **values: str) -> str:
    """A template with its values.

    :raises RowError: when it has others.
    """
    try:
        return form.format(**values)
    except (KeyError, IndexError, ValueError) as error:
        names = " and ".join(f"{{{name}}}" for name in values)
        raise RowError(
            f"the template {form!r} cannot be filled: {error}",
            f"use {names} in it, and write other braces twice",
        ) from None
