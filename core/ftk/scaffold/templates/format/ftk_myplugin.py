"""A dataset format for ftk: rows with a question and its answer."""

from collections.abc import Mapping, Sequence
from typing import Any

from ftk.plugin import DatasetFormat, RowError, Schema, Segment, hookimpl


class MypluginFormat:
    """Rows with `question` and `answer`; raise `revision` when the same row would give other segments."""

    name = "myplugin"
    revision = 1
    schema: Schema = {"type": "object", "additionalProperties": False, "properties": {}}
    example = {"question": "How many farms are there?", "answer": "Three."}

    def segments(self, row: Mapping[str, Any], options: Mapping[str, Any], train_on_inputs: bool) -> Sequence[Segment]:
        """The question as the prompt, the answer as what is learned."""
        for field in ("question", "answer"):
            if not isinstance(row.get(field), str) or not row[field].strip():
                raise RowError(f"the field `{field}` is missing or empty", "write some text, or remove the row")
        return [
            Segment(f"Question: {row['question']}\nAnswer: ", trained=train_on_inputs),
            Segment(row["answer"], trained=True, ends=True),
        ]


@hookimpl
def dataset_formats() -> Sequence[DatasetFormat]:
    """The format of this plugin."""
    return [MypluginFormat()]
