"""Rows that cannot be read, do not fit, or would teach nothing."""

import gzip

import pytest

CHAT = "chat_template\nchat_template: chatml"

FIELDS = "{field_instruction: question, field_output: answer}"

MEND = "mend it: what follows cannot be read before"

CASES = {
    "fields without quotes": (
        FIELDS,
        "{question: q}",
        "1: is no JSON: Expecting property name",
        "one JSON object a line",
    ),
    "two in a line": (
        FIELDS,
        '{"question": "q", "answer": "a"}{}',
        "1: is no JSON: Extra data",
        "one JSON object a line",
    ),
    "the last one cut": (
        FIELDS,
        '{"question": "q", "ans',
        "1: is no JSON: Unterminated string",
        "one JSON object a line",
    ),
    "null": (FIELDS, '{"question": "q", "answer": null}', "1: the field `answer` is null, not text", "remove the row"),
    "no number": (FIELDS, '{"question": NaN, "answer": "a"}', "1: the field `question` is nan, not text", "quotes"),
    "an object": (FIELDS, '{"question": {"a": 1}, "answer": "b"}', "1: the field `question` is {'a': 1}, not text", ""),
    "a blank answer": (FIELDS, '{"question": "q", "answer": " "}', "1: the field `answer` is empty", "write an answer"),
    "no messages": (
        CHAT,
        '{"question": "q"}',
        "1: the field `messages` is missing (it has `question`)",
        "name the right",
    ),
    "an empty chat": (CHAT, '{"messages": []}', "1: the field `messages` is [], not a list with items", "JSON list"),
    "a chat that is text": (CHAT, '{"messages": "hi"}', "1: `messages` is no JSON", "write it as a list"),
    "an unknown role": (
        CHAT,
        '{"messages": [{"role": "boss", "content": "x"}]}',
        "1: `messages[0]` has the unknown role 'boss'",
        "roles: {user: [boss]}",
    ),
    "a message of nothing": (CHAT, '{"messages": [{"role": "user"}]}', "1: `messages[0]` has no `content`", "write it"),
    "nobody answers": (
        CHAT,
        '{"messages": [{"role": "user", "content": "x"}]}',
        "1: no message is trained (roles: user)",
        "add an answer",
    ),
    "ids that are words": (
        "",
        '{"input_ids": ["a"], "labels": [1], "attention_mask": [1]}',
        "1: the field `input_ids` holds 'a'",
        "write whole numbers",
    ),
    "labels of another length": (
        "",
        '{"input_ids": [1, 2], "labels": [1], "attention_mask": [1, 1]}',
        "1: `labels` has 1 items, `input_ids` 2",
        "make them equally long",
    ),
    "other labels": (
        "",
        '{"input_ids": [3, 2], "labels": [1, 2], "attention_mask": [1, 1]}',
        "1: `labels` differs from `input_ids`",
        "-100 for no loss",
    ),
    "a segment without a label": (
        "input_output",
        '{"segments": [{"text": "x"}]}',
        "1: `segments[0]` is",
        "label: true",
    ),
    "a pair without a half": (
        "chatml.intel\nrl: dpo",
        '{"question": "x", "chosen": "y"}',
        "1: the field `rejected`",
        "add",
    ),
    "an answer that is a list": (
        "alpaca",
        '{"instruction": "x", "output": ["y"]}',
        "1: the field `output` is ['y']",
        "",
    ),
    "no text": ("completion", '{"txt": "y"}', "1: the field `text` is missing (it has `txt`)", "name the right field"),
}

FILES = {
    "a list cut short": ("d.json", '[{"question": "q", "answer": "a"},\n{"question": ', "d.json:2: is no JSON", MEND),
    "something after a list": (
        "d.json",
        '[{"question": "q", "answer": "a"}]\nx',
        "d.json:2: is no JSON: something",
        MEND,
    ),
    "too few columns": (
        "d.csv",
        "question,answer\na,b\nc\n",
        "d.csv:3: has 1 fields, but the first line names 2",
        "quotes",
    ),
    "too many columns": (
        "d.csv",
        "question,answer\na,b,c\n",
        "d.csv:2: has 3 fields",
        "put fields that hold the separator",
    ),
    "other columns": (
        "d.csv",
        "frage,answer\na,b\n",
        "d.csv:2: the field `question` is missing (it has `frage`",
        "add it",
    ),
    "open quotes": (
        "d.csv",
        'question,answer\n"a,b\n',
        "d.csv:2: is no CSV: unexpected end of data",
        "close the quotes",
    ),
    "no gzip": ("d.jsonl.gz", "{}", "d.jsonl.gz:1: cannot be read on from here: Not a gzipped file", "is damaged"),
    "gzip cut short": ("d.jsonl.gz", gzip.compress(b"\n" * 999)[:-9], "d.jsonl.gz:1", "is damaged, cut short"),
    "no zstandard": ("d.jsonl.zst", "{}", "d.jsonl.zst:1: cannot be read on from here: ZSTD", "is damaged, cut short"),
    "no Parquet": ("d.parquet", "{}", "d.parquet:row 1: cannot be read on from here: Parquet file size", "is damaged"),
    "no Arrow": ("d.arrow", "{}" * 99, "d.arrow:row 1: cannot be read on from here", "is damaged, cut short"),
    "nothing": ("d.jsonl", "\n \n", "d.jsonl: has no rows", "write some"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_bad_row_is_told_with_its_line(drill, rows: str, case: str) -> None:
    form, row, says, remedy = CASES[case]
    drill.write({"c.yml": f"base_model: org/name\ndatasets:\n- path: d.jsonl\n  type: {form}\n", "d.jsonl": row})
    drill.refused("run", "c.yml", says=f"d.jsonl:{says}", remedy=remedy)


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_cannot_be_read_on_is_told_with_the_place(drill, case: str) -> None:
    name, content, says, remedy = FILES[case]
    drill.write({name: content})
    drill.refused("run", "c.yml", "--data", name, says=says, remedy=remedy)
