"""The dataset format `fable`."""

from collections.abc import Mapping, Sequence
from typing import Any

from ftk.plugin import RowError, Schema, Segment


class FableFormat:
    """Rows with a `fable` and its `moral`; the option `heading` stands before the moral."""

    name = "fable"
    revision = 1
    schema: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"heading": {"type": "string", "default": "Moral: "}},
    }
    example = {"fable": "A fox could not reach the grapes.", "moral": "It is easy to despise what you cannot get."}

    def segments(self, row: Mapping[str, Any], options: Mapping[str, Any], train_on_inputs: bool) -> Sequence[Segment]:
        """The fable as the prompt, the moral as what is learned."""
        for field in ("fable", "moral"):
            if not row.get(field):
                raise RowError(f"the field `{field}` is missing", "add it, or remove the row")
        return [
            Segment(f"{row['fable']}\n{options['heading']}", trained=train_on_inputs),
            Segment(row["moral"], trained=True, ends=True),
        ]
