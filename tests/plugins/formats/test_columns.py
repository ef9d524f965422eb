"""The values of rows become the columns that Arrow has of them."""

import pyarrow as pa

from ftk.plugin import COLUMNS
from ftk_formats.columns import Columns

ROWS = [
    {"prompt": "", "completion": "é", "label": True, "prompt_ids": [], "completion_ids": [2**31 - 1, -100]},
    {"prompt": "a", "completion": "", "label": False, "prompt_ids": [7], "completion_ids": []},
]


def test_a_table_has_what_was_added_since_the_last_one() -> None:
    columns = Columns(COLUMNS["unpaired"])
    for row in ROWS:
        columns.append(row)
    first = columns.take()
    columns.append(ROWS[1])
    assert first.to_pylist() == ROWS
    assert columns.take().to_pylist() == ROWS[1:]
    assert columns.take().num_rows == 0


def test_columns_have_the_widths_that_they_are_declared_with() -> None:
    columns = Columns(COLUMNS["sft"])
    columns.append({"input_ids": [1, 2], "attention_mask": [1, 1], "labels": [-100, 2]})
    table = columns.take()
    table.validate(full=True)
    kinds = {"input_ids": pa.int32(), "attention_mask": pa.int8(), "labels": pa.int32()}
    assert {field.name: field.type.value_type for field in table.schema} == kinds
