"""Pairs of answers, and answers that are good or bad."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ftk.plugin import Pair, ProblemsFound, RowError, RowTokenizer, TokenisedPair, Unpaired, UsageError, complete
from ftk_formats.plugin import dataset_formats, stage_data

FORMS = {form.name: form for form in dataset_formats()}

TALK = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "c"}]
EMPTY = [TALK[0], {**TALK[1], "content": " "}]

PAIRS = [{"prompt": f"w{n} w1 ", "chosen": "w2 w3", "rejected": "w4"} for n in range(5)]


def test_every_format_has_its_own_name() -> None:
    assert len(FORMS) == len(dataset_formats())


def test_a_pair_is_text_and_tokens(make_run: Callable[..., Any], tokenizer: RowTokenizer) -> None:
    kind = {"field_prompt": "prompt", "chosen_format": "{chosen} w9"}
    run = make_run(PAIRS, kind=kind, rl="dpo")
    staged = stage_data(run)
    assert (staged.kind, staged.train_rows) == ("preference", 5)
    row = pq.read_table(run.path(staged.folder / staged.TRAIN)).to_pylist()[1]
    assert (row["prompt"], row["chosen"], row["rejected"]) == ("w1 w1 ", "w2 w3 w9", "w4")
    ids = [tokenizer.id(f"w{number}") for number in (1, 1, 2, 3, 9)]
    assert (row["prompt_ids"], row["chosen_ids"]) == (ids[:2], [*ids[2:], tokenizer.eos])
    assert row["rejected_ids"] == [tokenizer.id("w4"), tokenizer.eos]


def test_an_unpaired_answer_has_a_label(make_run: Callable[..., Any]) -> None:
    rows = [{"prompt": "w1 ", "completion": "w2", "label": bool(n % 2)} for n in range(4)]
    run = make_run(rows, kind={}, rl="kto")
    staged = stage_data(run)
    found = pq.read_table(run.path(staged.folder / staged.TRAIN)).to_pylist()
    assert staged.kind == "unpaired"
    assert [row["label"] for row in found] == [False, True, False, True]
    assert list(found[0]) == ["prompt", "completion", "label", "prompt_ids", "completion_ids"]


def test_answers_that_are_too_long_are_cut_where_that_is_wanted(make_run: Callable[..., Any]) -> None:
    rows = [*PAIRS, {"prompt": "w1 ", "chosen": "w2 " * 20, "rejected": "w3"}]
    run = make_run(rows, kind={}, rl="dpo", sequence_len=8, excess_length_strategy="truncate")
    staged = stage_data(run)
    last = pq.read_table(run.path(staged.folder / staged.TRAIN)).to_pylist()[-1]
    assert (len(last["chosen_ids"]), len(last["rejected_ids"]), staged.truncated_rows) == (7, 2, 1)


def test_the_samples_show_the_better_answer(make_run: Callable[..., Any]) -> None:
    run = make_run(PAIRS, kind={}, rl="dpo")
    staged = stage_data(run)
    lines = Path(run.path(staged.folder / "samples.jsonl")).read_text().splitlines()
    assert json.loads(lines[0])["expected"].split() == ["w2", "w3"]


def test_markup_is_written_around_the_texts() -> None:
    row = {"system": "s", "question": "q", "chosen": "c", "rejected": "r"}
    pair = FORMS["dpo.chatml.intel"].segments(row, {}, False)
    prompt = "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n"
    assert pair == Pair(prompt, "c<|im_end|>", "r<|im_end|>")


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("dpo.chatml.intel", {"question": "q", "chosen": "c"}, "the field `rejected` is missing"),
        (
            "dpo.chatml.argilla_chat",
            {"chosen": [{"content": "q"}], "rejected": []},
            "the field `chosen` has no message 1",
        ),
        ("kto.chatml.intel", {"question": "q", "completion": "c", "label": 1}, "the field `label` is 1"),
        ("orpo.chat_template.argilla", {"chosen": [1]}, "`chosen` has an odd number of messages"),
        ("kto.passthrough.default", {"prompt": "p", "completion": " "}, "the field `completion` is empty"),
        ("kto.chatml.argilla_chat", {"completion": ["x", *TALK]}, "the field `completion` has no message 0"),
        ("kto.chatml.argilla_chat", {"completion": [{"content": "x"}, *TALK]}, "the field `role` is missing"),
        *(
            (name, {"prompt": "p", "completion": EMPTY, "chosen": TALK, "rejected": EMPTY}, "the field `.*` is empty")
            for name in (
                *("dpo.chatml.argilla_chat", "dpo.chatml.ultra", "kto.chatml.argilla_chat"),
                *("orpo.chat_template.argilla", "dpo.chat_template.argilla_chat", "dpo.chat_template.default"),
            )
        ),
        ("dpo.chat_template.argilla_chat", {"chosen": TALK[:1], "rejected": TALK}, "message of `chosen` is by `user`"),
        ("dpo.chat_template.default", {"chosen": "c", "rejected": TALK[0]}, "message of `rejected` is by `user`"),
        ("dpo.chat_template.default", {"chosen": {**TALK[0], "role": ["x"]}}, r"`chosen` has the unknown role \['x'\]"),
    ],
)
def test_a_bad_pair_is_told(name: str, row: Any, message: str) -> None:
    form = FORMS[name]
    with pytest.raises(RowError, match=message):
        form.segments(row, complete({}, form.schema), False)


def test_a_template_that_is_missing_is_told(make_run: Callable[..., Any]) -> None:
    row = {"messages": "q", "chosen": "c", "rejected": "r"}
    with pytest.raises(UsageError, match="has no chat template"):
        stage_data(make_run([row], kind="chat_template.default", rl="dpo"))


def test_a_chat_template_is_asked_for_each_part(make_run: Callable[..., Any]) -> None:
    row = {"messages": "q", "chosen": "c", "rejected": {"role": "assistant", "content": "r"}}
    run = make_run([row] * 2, kind="chat_template", rl="dpo", chat_template="chatml")
    staged = stage_data(run)
    found = pq.read_table(run.path(staged.folder / staged.TRAIN)).to_pylist()[0]
    assert found["prompt"] == "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n"
    assert (found["chosen"], found["rejected"]) == ("c<|im_end|>", "r<|im_end|>")


def test_a_bad_message_is_told(make_run: Callable[..., Any]) -> None:
    row = {"messages": [{"role": "narrator", "content": "x"}], "chosen": "c", "rejected": "r"}
    with pytest.raises(ProblemsFound, match="the unknown role 'narrator'"):
        stage_data(make_run([row], kind="chat_template.default", rl="dpo", chat_template="chatml"))


def test_an_answer_that_ends_already_is_not_ended_twice(tokenizer: RowTokenizer) -> None:
    [row] = tokenizer.rows([Pair("w1 ", "w2 </s>", "w3")])
    assert isinstance(row, TokenisedPair)
    assert row.chosen_ids == [tokenizer.id("w2"), tokenizer.eos]


def test_a_token_that_begins_in_the_prompt_and_ends_in_an_answer_is_the_answers(tokenizer: RowTokenizer) -> None:
    rows = tokenizer.rows([Pair("w3 w1", "2", " w4"), Pair("w3 w1", " w2", " w4"), Unpaired("w3 w1", "2", label=True)])
    w1, w2, w3, w4, w12 = (tokenizer.id(f"w{number}") for number in (1, 2, 3, 4, 12))
    end = tokenizer.eos
    found = [{name: ids for name, ids in row.columns.items() if name.endswith("_ids")} for row in rows]
    assert found == [
        {"prompt_ids": [w3], "chosen_ids": [w12, end], "rejected_ids": [w1, w4, end]},
        {"prompt_ids": [w3, w1], "chosen_ids": [w2, end], "rejected_ids": [w4, end]},
        {"prompt_ids": [w3], "completion_ids": [w12, end]},
    ]
